// Dialogs that keep the focus inside until answered, and messages that announce themselves.

import { iconButton } from "./controls.js";
import { freshId, h, replace } from "./dom.js";
import { icon } from "./icons.js";
import { problem } from "./states.js";

/**
 * Asks in a dialog. `confirm` runs when the answer is yes, and may fail: then the dialog says why
 * and stays. Resolves to what `confirm` made, or null if the answer was no.
 */
export function ask({ title, content, label, danger = false, confirm }) {
  const id = freshId("dialog");
  const trouble = h("div", { class: "dialog-trouble" });
  const accept = h(
    "button",
    { type: "submit", class: danger ? "button button-danger" : "button button-primary" },
    label,
  );
  const cancel = h("button", { type: "button", class: "button" }, "Cancel");
  const form = h(
    "form",
    { class: "dialog-form" },
    h("h2", { id }, title),
    h("div", { class: "dialog-content" }, content),
    trouble,
    h("div", { class: "dialog-actions" }, accept, cancel),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": id }, form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let made = null;
    const leave = () => dialog.close();
    cancel.addEventListener("click", leave);
    window.addEventListener("hashchange", leave, { once: true });
    dialog.addEventListener("close", () => {
      window.removeEventListener("hashchange", leave);
      dialog.remove();
      resolve(made);
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      accept.disabled = true;
      accept.setAttribute("aria-busy", "true");
      try {
        made = await confirm(form);
        dialog.close();
      } catch (error) {
        replace(trouble, problem(error));
      } finally {
        accept.disabled = false;
        accept.removeAttribute("aria-busy");
      }
    });
    dialog.showModal();
  });
}

const SHOWN_SECONDS = 6;

/** Announces what was done, in a corner, for a while; errors stay until closed. */
export function notify(tone, text) {
  const place = document.getElementById("notices");
  const close = iconButton("cross", "Dismiss", () => notice.remove());
  const notice = h(
    "div",
    { class: `notice notice-${tone}`, role: tone === "error" ? "alert" : "status" },
    icon(tone === "error" ? "warning" : "check"),
    h("p", {}, text),
    close,
  );
  place.append(notice);
  if (tone !== "error") setTimeout(() => notice.remove(), SHOWN_SECONDS * 1000);
}

/** Announces an error with its remedy. */
export function notifyError(error) {
  notify("error", [error.message, error.remedy].filter(Boolean).join(" "));
}
