// What stands where content will be or cannot be: loading, empty, failed, not permitted.

import { reload } from "./controls.js";
import { h, replace } from "./dom.js";
import { icon } from "./icons.js";

/** Shown while content is on its way. */
export function loading(what = "Loading") {
  return h(
    "div",
    { class: "state state-loading", role: "status" },
    h("span", { class: "spinner", "aria-hidden": "true" }),
    h("p", {}, `${what} …`),
  );
}

/** Shown where there is nothing; says what fills the place. */
export function empty(title, text, ...actions) {
  return h(
    "div",
    { class: "state state-empty" },
    icon("info"),
    h("p", { class: "state-title" }, title),
    text && h("p", {}, text),
    actions.length ? h("div", { class: "state-actions" }, actions) : null,
  );
}

/** Shown in the place of what failed: what happened, what helps, and another try. */
export function failed(error, retry) {
  const forbidden = error.status === 403;
  const missing = error.status === 404;
  const title = forbidden ? "You do not have access" : missing ? "Not found" : "This did not work";
  const remedy =
    error.remedy ??
    (forbidden ? "Ask an administrator of the app for the role Ledger.Read or Ledger.Manage." : null);
  return h(
    "div",
    { class: "state state-failed", role: "alert" },
    icon(forbidden ? "info" : "warning"),
    h("p", { class: "state-title" }, title),
    h("p", {}, error.message),
    remedy && h("p", { class: "quiet" }, remedy),
    retry &&
      !missing &&
      h("button", { type: "button", class: "button", on: { click: retry } }, "Try again"),
  );
}

/**
 * An error beside the control that caused it, as one line with its remedy. What somebody else
 * changed meanwhile is loaded again at a click; nothing of theirs was overwritten.
 */
export function problem(error) {
  const changed = error.code === "etag_mismatch";
  const remedy = changed ? "Load it again to see what it is now, and repeat your change." : error.remedy;
  return h(
    "div",
    { class: "message message-error", role: "alert" },
    icon("warning"),
    h(
      "div",
      {},
      h("p", {}, error.message),
      remedy && h("p", { class: "quiet" }, remedy),
      changed && h("button", { type: "button", class: "button", on: { click: () => reload() } }, "Load again"),
    ),
  );
}

/** A message of a tone: info, success, warning or error. */
export function message(tone, ...content) {
  const icons = { info: "info", success: "check", warning: "warning", error: "warning" };
  return h("div", { class: `message message-${tone}` }, icon(icons[tone]), h("div", {}, content));
}

/** Puts newer content in a place; focus and scrolling stay where they were, if that is still there. */
export function refresh(place, content) {
  const name = (element) => element.getAttribute("href") ?? element.getAttribute("aria-label") ?? element.textContent;
  const active = place.contains(document.activeElement) ? name(document.activeElement) : null;
  const scrollers = "[role=region], .log";
  const scrolled = [...place.querySelectorAll(scrollers)].map((each) => [each.scrollLeft, each.scrollTop]);
  replace(place, content);
  [...place.querySelectorAll(scrollers)].forEach((each, at) => scrolled[at] && each.scrollTo(...scrolled[at]));
  if (active === null) return;
  const same = [...place.querySelectorAll("a, button, summary, [tabindex]")].find((each) => name(each) === active);
  same?.focus({ preventScroll: true });
}

/**
 * Fills `place` with what `load` promises to make, by way of loading and failing.
 * What arrives after `signal` has aborted is dropped.
 */
export async function fillLater(place, signal, load, what) {
  const timer = setTimeout(() => {
    if (!signal.aborted && !place.hasChildNodes()) replace(place, loading(what));
  }, 120);
  const again = () => {
    replace(place, loading(what));
    fillLater(place, signal, load, what);
  };
  try {
    const content = await load();
    if (!signal.aborted) replace(place, content);
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return;
    if (!("status" in error)) console.error(error);
    replace(place, failed(error, again));
  } finally {
    clearTimeout(timer);
  }
}
