// The controls that pages share: command bar, fields, tabs, filters, badges, details.

import { freshId, h } from "./dom.js";
import { words } from "./format.js";
import { icon } from "./icons.js";
import { address, amend, go, here, withFilters } from "./router.js";

/** A button of the command bar: icon and word. */
export function command(name, label, onclick, attributes = {}) {
  return h(
    "button",
    { type: "button", class: "command", on: { click: onclick }, ...attributes },
    icon(name),
    h("span", {}, label),
  );
}

/** A button that is an icon alone; `label` is its name. */
export function iconButton(name, label, onclick, attributes = {}) {
  return h(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label, on: { click: onclick }, ...attributes },
    icon(name),
  );
}

/** The bar of commands above a page's content. */
export function commandBar(...commands) {
  return h("div", { class: "commands", role: "toolbar", "aria-label": "Commands" }, commands);
}

/** A page's heading with the trail that leads there: [[label, segments], …]. */
export function heading(title, trail = [], subtitle = null) {
  return h(
    "header",
    { class: "heading" },
    h(
      "nav",
      { class: "trail", "aria-label": "Breadcrumb" },
      h("a", { href: address([]) }, "Home"),
      trail.map(([label, segments]) => [
        icon("next"),
        h("a", { href: address(segments) }, label),
      ]),
    ),
    h("h1", { tabindex: "-1" }, title),
    subtitle && h("p", { class: "subtitle" }, subtitle),
  );
}

/** A labelled field; `hint` explains, and errors of the API are shown below by `name`. */
export function field(label, input, { hint = null, required = false } = {}) {
  input.id ||= freshId("field");
  const notes = [];
  if (hint) notes.push(h("p", { class: "hint", id: `${input.id}-hint` }, hint));
  if (notes.length) input.setAttribute("aria-describedby", notes.map((note) => note.id).join(" "));
  if (required) input.required = true;
  return h(
    "div",
    { class: "field", "data-field": input.name || null },
    h("label", { for: input.id }, label, required && h("span", { class: "required" }, " *")),
    input,
    notes,
  );
}

/** Shows an error at the field that it names; false if the form has none of that name. */
export function showAtField(form, error) {
  clearFieldErrors(form);
  const name = error.field;
  const box = name && form.querySelector(`[data-field="${CSS.escape(name)}"]`);
  if (!box) return false;
  const input = box.querySelector("input, textarea, select");
  const note = h(
    "p",
    { class: "field-error", id: `${input.id}-error`, role: "alert" },
    error.message,
    error.remedy ? ` ${error.remedy}` : "",
  );
  box.append(note);
  input.setAttribute("aria-invalid", "true");
  input.focus();
  return true;
}

/** Takes errors away from all fields. */
export function clearFieldErrors(form) {
  for (const note of form.querySelectorAll(".field-error")) note.remove();
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}

/** Tabs that are addresses: [[key, label, segments], …]. */
export function tabs(label, items, current) {
  const bar = h(
    "nav",
    { class: "tabs", "aria-label": label },
    items.map(([key, text, segments]) =>
      h("a", { href: address(segments), "aria-current": key === current ? "page" : null }, text),
    ),
  );
  // on narrow screens the bar scrolls; once it is in its place, the current tab is in sight
  requestAnimationFrame(() => {
    const chosen = bar.querySelector("[aria-current]");
    if (chosen) bar.scrollLeft = chosen.offsetLeft - bar.offsetLeft - (bar.clientWidth - chosen.offsetWidth) / 2;
  });
  return bar;
}

/** A select whose choice is a filter in the address. */
export function filterSelect(label, name, options, current) {
  const select = h(
    "select",
    { on: { change: (event) => (location.hash = withFilters({ [name]: event.target.value })) } },
    options.map(([value, text]) =>
      h("option", { value, selected: value === (current ?? "") }, text),
    ),
  );
  return h("label", { class: "filter" }, h("span", {}, label), select);
}

/**
 * A search box whose text is a filter in the address once typing rests. However often it rests,
 * one step back leads to the view without the filter.
 */
export function filterSearch(label, name, current) {
  let timer = null;
  const apply = (event) => {
    clearTimeout(timer);
    const target = withFilters({ [name]: event.target.value.trim() });
    if (target === location.hash) return;
    if (here().query.has(name)) {
      amend(target);
      reload();
    } else {
      location.hash = target;
    }
  };
  const input = h("input", {
    type: "search",
    value: current ?? "",
    placeholder: label,
    "data-keeps-focus": name,
    on: {
      input: (event) => {
        clearTimeout(timer);
        timer = setTimeout(() => apply(event), 400);
      },
      change: apply,
    },
  });
  return h("label", { class: "filter filter-search" }, h("span", {}, label), input);
}

/** The filters of a list, side by side. */
export function filterBar(...filters) {
  return h("div", { class: "filters", role: "search" }, filters);
}

/** Choices for a filter from values of the API, with All first. */
export const choices = (values) => [["", "All"], ...values.map((value) => [value, words(value)])];

const TONES = {
  compliant: ["good", "check"],
  over_licensed: ["info", "plus"],
  under_licensed: ["bad", "minus"],
  expiring: ["warn", "clock"],
  suspended: ["bad", "cross"],
  cannot_be_synchronized: ["warn", "warning"],
  not_calculable: ["plain", "info"],
  planned: ["info", "clock"],
  inherited: ["plain", "people"],
  unconfirmed: ["warn", "clock"],
  reclaimed: ["good", "check"],
  restored: ["good", "check"],
  not_restored: ["bad", "cross"],
  preparing: ["info", "refresh"],
  ready: ["info", "info"],
  preview_failed: ["bad", "cross"],
  executing: ["info", "refresh"],
  executed: ["good", "check"],
  stopped: ["warn", "warning"],
  undoing: ["info", "refresh"],
  undone: ["plain", "check"],
  passed: ["good", "check"],
  failed: ["bad", "cross"],
  warning: ["warn", "warning"],
  skipped: ["plain", "minus"],
  queued: ["info", "clock"],
  never: ["plain", "info"],
  Queued: ["plain", "clock"],
  Running: ["info", "refresh"],
  Succeeded: ["good", "check"],
  PartiallySucceeded: ["warn", "warning"],
  Failed: ["bad", "cross"],
};

/** A status as icon, color and word. */
export function badge(value, text = words(value)) {
  const [tone, sign] = TONES[value] ?? ["plain", "info"];
  return h("span", { class: `badge badge-${tone}` }, icon(sign), h("span", {}, text));
}

/** The essentials of a thing: [[term, description], …]. */
export function essentials(items) {
  return h(
    "dl",
    { class: "essentials" },
    items.map(([term, description]) =>
      h("div", {}, h("dt", {}, term), h("dd", {}, description ?? "–")),
    ),
  );
}

/** A link that leaves the console for Microsoft's sign-in. Raises TypeError unless it is https. */
export function externalLink(url, label) {
  if (new URL(url).protocol !== "https:") throw new TypeError("Only https leads out of the console.");
  const link = h("a", { class: "button button-primary", target: "_blank", rel: "noopener noreferrer" }, label);
  link.href = url;
  return link;
}

/** A part of a page under a heading of the second level. */
export function section(title, ...content) {
  const id = freshId("section");
  return h(
    "section",
    { class: "section", "aria-labelledby": id },
    h("h2", { id }, title),
    content,
  );
}

/** Runs a command: the button waits, failures go to `onError`. */
export async function busy(button, work, onError) {
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") onError(error);
    return null;
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

/** Loads the view of the present address anew; not if another one has been gone to since `hash`. */
export function reload(hash = location.hash) {
  if (hash === location.hash) window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/** A button that goes to another view. */
export function goTo(name, label, segments, query) {
  return command(name, label, () => go(segments, query));
}
