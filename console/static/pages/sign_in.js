// Sign-in: the function key once for this tab, or the platform's own sign-in.

import { ApiError, call } from "../api.js";
import { busy, field, showAtField } from "../controls.js";
import { h, replace } from "../dom.js";
import { keepFunctionKey } from "../session.js";

/** Shows the sign-in in the place of everything. */
export function show(app, { platform, onSignedIn }) {
  const key = h("input", { type: "password", name: "key", autocomplete: "off", spellcheck: "false" });
  const button = h("button", { type: "submit", class: "button button-primary" }, "Sign in");
  const form = h(
    "form",
    { class: "sign-in-form" },
    field("Function key", key, {
      required: true,
      hint: "In the Azure portal: Function App › App keys. It is kept until this tab is closed.",
    }),
    button,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const value = key.value.trim();
    const refuse = (error) => {
      showAtField(form, error.status === 401 ? refused() : Object.assign(error, { field: "key" }));
    };
    busy(button, () => admitted(value).then(onSignedIn), refuse);
  });
  document.title = "Sign in · Ledger365";
  replace(
    app,
    h(
      "main",
      { id: "main", class: "sign-in", tabindex: "-1" },
      h("h1", {}, "Ledger365"),
      h("p", { class: "quiet" }, "The license ledger of your Microsoft 365 tenants."),
      platform.available &&
        h(
          "a",
          {
            class: "button button-primary button-wide",
            href: "/.auth/login/aad?post_login_redirect_uri=/api/console",
          },
          "Sign in with Microsoft",
        ),
      platform.available && h("p", { class: "quiet" }, "or with a function key"),
      form,
    ),
    h("div", { id: "notices", class: "notices" }),
  );
  key.focus();
}

async function admitted(value) {
  // other characters cannot be sent in a header
  if (!/^[\x21-\x7e]+$/.test(value)) throw refused();
  try {
    await call("GET", "/portals", { query: { top: 1 }, key: value });
  } catch (error) {
    if (error.status === 401 || error.status === 0) throw error;
    // the key is good; what else is wrong, the pages will say in its place
  }
  keepFunctionKey(value);
}

const refused = () =>
  new ApiError(401, {
    detail: "The key is not valid.",
    remedy: "Copy it again as the Azure portal shows it, or ask for another.",
    field: "key",
  });
