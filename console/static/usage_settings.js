// The settings of a portal that concern usage and reclamation, where the API has them.

import { field } from "./controls.js";
import { h } from "./dom.js";

const TASKS = {
  roster: "Roster: activations and storage",
  access: "Access: activity by service",
  sign_ins: "Sign-ins: the last one of each contact",
  devices: "Devices: installations, from Intune",
};
const PERIODS = { D7: "7 days", D30: "30 days", D90: "90 days", D180: "180 days" };

/** The fields, and `read()`, which gives the body's values; both empty if the API has none. */
export function usageSettings(portal) {
  const parts = [tasks(portal), reclamation(portal)].filter(Boolean);
  return {
    elements: parts.map((part) => part.element),
    read: () => Object.assign({}, ...parts.map((part) => part.read())),
  };
}

function tasks(portal) {
  if (!portal.tasks) return null;
  const boxes = Object.entries(TASKS).map(([task, label]) => {
    const box = h("input", { type: "checkbox", value: task, checked: portal.tasks.includes(task) });
    return [box, h("label", { class: "check" }, box, label)];
  });
  const period = h(
    "select",
    { name: "reportPeriod" },
    Object.entries(PERIODS).map(([value, label]) =>
      h("option", { value, selected: value === portal.reportPeriod }, label),
    ),
  );
  const days = h("input", { type: "number", name: "inactiveDays", min: 1, max: 3650, value: portal.inactiveDays });
  return {
    element: h(
      "fieldset",
      { class: "credential" },
      h("legend", {}, "Usage"),
      h("p", { class: "hint" }, "Each task needs more permissions; the connection test names them."),
      boxes.map(([, label]) => label),
      field("Period of the reports", period),
      field("Inactive after days", days),
    ),
    read: () => ({
      tasks: boxes.filter(([box]) => box.checked).map(([box]) => box.value),
      reportPeriod: period.value,
      inactiveDays: Number(days.value),
    }),
  };
}

function reclamation(portal) {
  if (portal.reclamationAllowed === undefined) return null;
  const box = h("input", { type: "checkbox", name: "reclamationAllowed", checked: portal.reclamationAllowed });
  return {
    element: h(
      "fieldset",
      { class: "credential" },
      h("legend", {}, "Reclamation"),
      h("label", { class: "check" }, box, "Licenses may be taken back from contacts"),
      h("p", { class: "hint" }, "The only thing that is ever written to the tenant, and only when you execute a preview."),
    ),
    read: () => ({ reclamationAllowed: box.checked }),
  };
}
