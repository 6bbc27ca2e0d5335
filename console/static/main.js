// The shell: top bar, navigation, and the page that belongs to the address.

import { call, offers } from "./api.js";
import { h, replace } from "./dom.js";
import { icon } from "./icons.js";
import * as compliance from "./pages/compliance.js";
import * as hybrid from "./pages/hybrid.js";
import * as license from "./pages/license.js";
import * as licenses from "./pages/licenses.js";
import * as monitor from "./pages/monitor.js";
import * as overview from "./pages/overview.js";
import * as people from "./pages/people.js";
import * as person from "./pages/person.js";
import * as portals from "./pages/portals.js";
import * as premium from "./pages/premium.js";
import * as reclamation from "./pages/reclamation.js";
import * as reclamationPreview from "./pages/reclamation_preview.js";
import * as reclamations from "./pages/reclamations.js";
import * as run from "./pages/run.js";
import * as seats from "./pages/seats.js";
import * as services from "./pages/services.js";
import * as signIn from "./pages/sign_in.js";
import * as spend from "./pages/spend.js";
import * as usage from "./pages/usage.js";
import * as whatIf from "./pages/what_if.js";
import * as wizard from "./pages/wizard.js";
import { address, here } from "./router.js";
import { forgetFunctionKey, functionKey, platformSignIn } from "./session.js";
import { failed } from "./states.js";
import { applyTheme, toggleTheme } from "./theme.js";

// the first that fits is shown; "*" stands for any one segment
const ROUTES = [
  [[], overview, "overview"],
  [["portals", "new"], wizard, "portals"],
  [["portals", "new", "*"], wizard, "portals"],
  [["portals"], portals, "portals"],
  [["portals", "*"], portals, "portals"],
  [["portals", "*", "*"], portals, "portals"],
  [["licenses"], licenses, "licenses"],
  [["licenses", "*", "*"], license, "licenses"],
  [["compliance"], compliance, "compliance"],
  [["people"], people, "people"],
  [["people", "usage"], usage, "people"],
  [["people", "services"], services, "people"],
  [["people", "premium"], premium, "people"],
  [["people", "*", "*"], person, "people"],
  [["savings"], spend, "savings"],
  [["savings", "installations"], hybrid, "savings"],
  [["savings", "reclamations"], reclamations, "savings"],
  [["savings", "reclamations", "new"], reclamationPreview, "savings"],
  [["savings", "reclamations", "*"], reclamation, "savings"],
  [["savings", "what-if"], whatIf, "savings"],
  [["savings", "*"], seats, "savings"],
  [["monitor"], monitor, "monitor"],
  [["monitor", "*"], run, "monitor"],
];

const SECTIONS = [
  ["overview", "Overview", []],
  ["portals", "Portals", ["portals"]],
  ["licenses", "Licenses and products", ["licenses"]],
  ["compliance", "Compliance", ["compliance"]],
  ["people", "People", ["people"]],
  ["savings", "Savings", ["savings"]],
  ["monitor", "Monitor", ["monitor"]],
];

const app = document.getElementById("app");
let leaving = new AbortController();
let shown = null;

function shell(who) {
  const links = SECTIONS.map(([key, label, segments]) =>
    h(
      "li",
      { hidden: key === "savings" },
      h("a", { href: address(segments), "data-section": key }, icon(key), h("span", {}, label)),
    ),
  );
  const nav = h("nav", { class: "nav", id: "nav", "aria-label": "Sections" }, h("ul", {}, links));
  const menu = h(
    "button",
    {
      type: "button",
      class: "bar-button menu-button",
      "aria-label": "Sections",
      "aria-expanded": "false",
      "aria-controls": "nav",
      on: { click: () => openNav(nav, menu, menu.getAttribute("aria-expanded") !== "true") },
    },
    icon("menu"),
  );
  nav.addEventListener("click", () => openNav(nav, menu, false));
  nav.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    openNav(nav, menu, false);
    menu.focus();
  });
  const skip = h("button", { type: "button", class: "skip button", on: { click: focusContent } }, "Skip to content");
  replace(
    app,
    skip,
    h(
      "header",
      { class: "top" },
      menu,
      h("a", { class: "brand", href: address([]) }, "Ledger365"),
      h("span", { class: "top-space" }),
      barButton("theme", "Switch between light and dark", toggleTheme),
      who && h("span", { class: "who" }, who),
      barButton("signOut", "Sign out", signOut),
    ),
    h("div", { class: "frame" }, nav, h("main", { id: "main", tabindex: "-1" })),
    h("div", { id: "notices", class: "notices" }),
  );
}

function focusContent() {
  document.getElementById("main").focus();
}

function openNav(nav, menu, open) {
  nav.classList.toggle("nav-open", open);
  menu.setAttribute("aria-expanded", String(open));
}

function barButton(name, label, onclick) {
  return h(
    "button",
    { type: "button", class: "bar-button", "aria-label": label, title: label, on: { click: onclick } },
    icon(name),
  );
}

function signOut() {
  if (functionKey()) {
    forgetFunctionKey();
    showSignIn();
  } else {
    location.assign("/.auth/logout?post_logout_redirect_uri=/api/console");
  }
}

function fits(pattern, segments) {
  return (
    pattern.length === segments.length &&
    pattern.every((part, at) => part === "*" || part === segments[at])
  );
}

function show() {
  const main = document.getElementById("main");
  if (!main) return;
  leaving.abort();
  leaving = new AbortController();
  const { segments, query } = here();
  const [pattern, page, section] = ROUTES.find(([each]) => fits(each, segments)) ?? [];
  for (const link of app.querySelectorAll("[data-section]")) {
    if (link.dataset.section === section) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!page) {
    document.title = "Not found · Ledger365";
    replace(main, failed({ status: 404, message: "The console has no view at this address." }));
    return;
  }
  const kept = keptFocus(main);
  page.show(main, { segments, query, signal: leaving.signal });
  document.title = `${main.querySelector("h1")?.textContent ?? "Console"} · Ledger365`;
  const place = `${pattern}|${segments}`;
  if (kept) restoreFocus(main, kept);
  else if (shown !== null && shown !== place) {
    main.querySelector("h1")?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
  shown = place;
}

// typing in a filter changes the address, and must not be interrupted by it
function keptFocus(main) {
  const active = document.activeElement;
  if (!main.contains(active) || !active.dataset.keepsFocus) return null;
  return { name: active.dataset.keepsFocus, value: active.value, at: active.selectionStart };
}

function restoreFocus(main, { name, value, at }) {
  const input = main.querySelector(`[data-keeps-focus="${CSS.escape(name)}"]`);
  if (!input) return;
  input.value = value;
  input.focus();
  input.setSelectionRange(at, at);
}

async function showSignIn() {
  leaving.abort();
  shown = null;
  const platform = await platformSignIn();
  signIn.show(app, { platform, onSignedIn: start });
}

/**
 * Shows the console if the caller may read, otherwise the sign-in. A key that was kept is taken for
 * good: should it be refused by now, the first answer leads to the sign-in.
 */
async function start() {
  if (functionKey()) shell(null);
  else if (await admitted()) shell((await platformSignIn()).name);
  else return;
  show();
  const [reclaiming, spending] = await Promise.all([offers("/reclamations"), offers("/spend")]);
  const savings = app.querySelector('[data-section="savings"]');
  // there is no navigation if the key was refused meanwhile
  if (savings && (reclaiming || spending)) savings.parentElement.hidden = false;
}

async function admitted() {
  try {
    await call("GET", "/portals", { query: { top: 1 } });
  } catch (error) {
    // what else is wrong, the page will say in its place
    return error.status !== 401;
  }
  return true;
}

applyTheme();
window.addEventListener("hashchange", show);
window.addEventListener("ledger:signed-out", showSignIn);
start();
