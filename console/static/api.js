// Calls the public API, and nothing else; every failure becomes an ApiError.

import { functionKey } from "./session.js";

const ROOT = "/api";

/** An answer that is no success; `field` names the culprit, `remedy` says what helps. */
export class ApiError extends Error {
  constructor(status, problem = {}) {
    super(problem.detail ?? sentence(status));
    this.status = status;
    this.code = problem.code ?? null;
    this.remedy = problem.remedy ?? null;
    this.field = problem.field ?? null;
    this.errors = problem.errors ?? [];
  }
}

function sentence(status) {
  if (status === 0) return "The ledger cannot be reached.";
  if (status === 401) return "No valid key or sign-in.";
  if (status === 403) return "Your role does not allow this.";
  return `The ledger answered with status ${status}.`;
}

/**
 * Calls an operation: {data, etag, location}. `key` is a function key to try instead of the kept
 * one. Raises ApiError, or AbortError if `signal` says so.
 */
export async function call(method, path, { query, body, ifMatch, ifAbsent = false, signal, key: tried, cache = "no-store" } = {}) {
  const headers = { accept: "application/json" };
  const key = tried ?? functionKey();
  if (key) headers["x-functions-key"] = key;
  if (body !== undefined) headers["content-type"] = "application/json";
  if (ifMatch) headers["if-match"] = `"${ifMatch}"`;
  if (ifAbsent) headers["if-none-match"] = "*";
  const response = await request(ROOT + path + queryText(query), {
    method,
    headers,
    signal,
    body: body === undefined ? undefined : JSON.stringify(body),
    cache,
    redirect: "manual",
  });
  // App Service Authentication sends callers without a session to its sign-in page
  const status = response.type === "opaqueredirect" ? 401 : response.status;
  const data = await parsed(response);
  if (!response.ok) {
    const error = new ApiError(status, data ?? {});
    if (status === 401 && !tried) window.dispatchEvent(new CustomEvent("ledger:signed-out"));
    throw error;
  }
  return {
    data,
    etag: response.headers.get("etag")?.replaceAll('"', "") ?? null,
    location: response.headers.get("location"),
  };
}

async function request(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { remedy: "Check the connection, then try again." });
  }
}

async function parsed(response) {
  if (!(response.headers.get("content-type") ?? "").includes("json")) return null;
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return null;
  }
}

function queryText(query = {}) {
  const given = Object.entries(query).filter(
    ([, value]) => value !== null && value !== undefined && value !== "",
  );
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

/** The JSON answer of a GET. */
export async function get(path, query, signal) {
  return (await call("GET", path, { query, signal })).data;
}

/**
 * One page of a list: {rows, continuation}. Pages that filters left empty are passed over,
 * up to `patience` of them, so that a page without rows means that there is more to search.
 */
export async function page(path, query, { signal, patience = 8 } = {}) {
  let continuation = query.continuation ?? null;
  for (let turn = 0; ; turn += 1) {
    const answer = await get(path, { ...query, continuation }, signal);
    continuation = answer.continuation;
    if (answer.value.length || !continuation || turn >= patience) {
      return { rows: answer.value, continuation };
    }
  }
}

/** All rows up to `limit`: {rows, complete}. */
export async function all(path, query = {}, { signal, limit = 5000 } = {}) {
  const rows = [];
  let continuation = null;
  do {
    const answer = await get(path, { top: Math.min(1000, limit), ...query, continuation }, signal);
    rows.push(...answer.value);
    continuation = answer.continuation;
  } while (continuation && rows.length < limit);
  return { rows: rows.slice(0, limit), complete: !continuation && rows.length <= limit };
}

/** A list as a file of a format (csv or xlsx): {blob, name}. Raises ApiError. */
export async function file(path, query, format) {
  const key = functionKey();
  const response = await request(ROOT + path + queryText({ ...query, format }), {
    headers: key ? { "x-functions-key": key } : {},
    cache: "no-store",
    redirect: "manual",
  });
  if (!response.ok) throw new ApiError(response.status, (await parsed(response)) ?? {});
  const [, name] = /filename="?([^";]+)/.exec(response.headers.get("content-disposition") ?? "") ?? [];
  return { blob: await response.blob(), name: name ?? `ledger365.${format}` };
}

let described = null;

/** Whether this deployment's API has a path, written as the OpenAPI document does. */
export async function offers(path) {
  described ??= call("GET", "/openapi.json", { cache: "no-cache" }).then(({ data }) => new Set(Object.keys(data.paths)));
  try {
    return (await described).has(path);
  } catch {
    // asked again next time; until then, what may not exist is not shown
    described = null;
    return false;
  }
}
