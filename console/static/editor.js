// A form of settings with one Save button; errors stand at the field that they name.

import { busy, clearFieldErrors, showAtField } from "./controls.js";
import { h, replace } from "./dom.js";
import { problem } from "./states.js";

/** A form; `save` does the work, and its ApiError is shown. */
export function editor({ label, content, save, action = "Save", extra = [] }) {
  const trouble = h("div");
  const button = h("button", { type: "submit", class: "button button-primary" }, action);
  const form = h(
    "form",
    { class: "editor", "aria-label": label, novalidate: true },
    content,
    trouble,
    h("div", { class: "editor-actions" }, button, extra),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    replace(trouble);
    clearFieldErrors(form);
    busy(button, save, (error) => {
      if (!showAtField(form, error)) replace(trouble, problem(error));
    });
  });
  return form;
}
