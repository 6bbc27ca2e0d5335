// A new preview: whose licenses, which ones, by what rule, and who keeps everything.

import { all, call } from "../api.js";
import { field, heading } from "../controls.js";
import { h, replace } from "../dom.js";
import { editor } from "../editor.js";
import { compare } from "../format.js";
import { address, go } from "../router.js";
import { showProgress } from "../runs.js";
import { empty, fillLater, loading } from "../states.js";

const RULES = [
  ["neverActive", "Never active, and older than 30 days"],
  ["blocked", "Blocked: may not sign in"],
  ["guest", "Guests"],
  ["duplicate", "Duplicate: another license has the same plans"],
];

/** Shows the page. */
export function show(main, { signal }) {
  const content = h("div");
  replace(main, heading("New preview", [["Savings", ["savings", "reclamations"]]], "Nothing is taken before you execute it."), content);
  fillLater(content, signal, async () => {
    const { rows } = await all("/portals", {}, { signal });
    const portals = rows.filter((portal) => portal.reclamationAllowed);
    if (!portals.length) {
      return empty(
        "No portal allows it",
        "Allow reclamation in a portal's tab General, then test its connection.",
        h("a", { class: "button", href: address(["portals"]) }, "Portals"),
      );
    }
    return form(portals.sort((one, other) => compare(one.name, other.name)), signal);
  });
}

function form(portals, signal) {
  const portal = h("select", { name: "portalId" }, portals.map((each) => h("option", { value: each.portalId }, each.name)));
  const licenses = h("div", { class: "checks checks-list" });
  const rules = RULES.map(([name, label]) => {
    const box = h("input", { type: "checkbox", value: name });
    return [box, h("label", { class: "check" }, box, label)];
  });
  const days = h("input", { type: "number", name: "rule.inactiveDays", min: 1, max: 3650, placeholder: "e.g. 90" });
  const departments = h("textarea", { name: "exclusions.departments", rows: 2 });
  const live = h("div", { class: "live", "aria-live": "polite" });
  const fill = () => {
    replace(licenses, loading("Reading the licenses"));
    fillLater(licenses, signal, () => licenseBoxes(portal.value, signal));
  };
  portal.addEventListener("change", fill);
  fill();
  return editor({
    label: "New preview",
    action: "Preview",
    content: [
      field("Portal", portal),
      h("fieldset", { class: "credential", "data-field": "skuIds" }, h("legend", {}, "Licenses"), licenses, h("p", { class: "hint" }, "None chosen means all that the portal imports.")),
      h(
        "fieldset",
        { class: "credential" },
        h("legend", {}, "Take from contacts that are"),
        rules.map(([, label]) => label),
        field("Inactive for more than days", days, { hint: "Empty leaves inactivity out. Nobody is meant whose activity is unknown." }),
      ),
      field("Departments that keep everything", departments, { hint: "One a line." }),
      live,
    ],
    save: async () => {
      const skuIds = [...licenses.querySelectorAll("input:checked")].map((box) => box.value);
      const body = {
        portalId: portal.value,
        ...(skuIds.length ? { skuIds } : { allLicenses: true }),
        rule: {
          inactiveDays: days.value ? Number(days.value) : null,
          ...Object.fromEntries(rules.map(([box]) => [box.value, box.checked])),
        },
        exclusions: { departments: departments.value.split("\n").map((line) => line.trim()).filter(Boolean) },
      };
      const { data } = await call("POST", "/reclamations/preview", { body, signal });
      await showProgress(live, data.runId, signal);
      go(["savings", "reclamations", data.previewId]);
    },
  });
}

async function licenseBoxes(portalId, signal) {
  const { rows } = await all("/licenses", { portalId }, { signal });
  if (!rows.length) return h("p", { class: "quiet" }, "Import the portal first.");
  return rows
    .sort((one, other) => compare(one.title, other.title))
    .map((row) => h("label", { class: "check" }, h("input", { type: "checkbox", value: row.skuId }), row.title));
}
