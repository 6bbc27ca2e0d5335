// Addresses: #/segment/segment?filter=value. Every view has one, filters included.

/** The present address: {segments, query}. */
export function here() {
  const text = location.hash.replace(/^#\/?/, "");
  const [path, query = ""] = splitOnce(text);
  return {
    segments: path.split("/").filter(Boolean).map(decoded),
    query: new URLSearchParams(query),
  };
}

function splitOnce(text) {
  const at = text.indexOf("?");
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** The address of a view; filters without a value are left out. */
export function address(segments, query = {}) {
  const entries = query instanceof URLSearchParams ? [...query] : Object.entries(query);
  const given = entries.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const path = segments.map(encodeURIComponent).join("/");
  return `#/${path}${given.length ? `?${new URLSearchParams(given)}` : ""}`;
}

/** Goes to another view. */
export function go(segments, query) {
  location.hash = address(segments, query);
}

/** The same view with some filters changed; the page of a list starts anew. */
export function withFilters(changes) {
  const { segments, query } = here();
  const next = new URLSearchParams(query);
  for (const name of ["page", "at"]) next.delete(name);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") next.delete(name);
    else next.set(name, value);
  }
  return address(segments, next);
}

/** Puts the address right without a new entry in the history. */
export function amend(hash) {
  history.replaceState(history.state, "", hash);
}
