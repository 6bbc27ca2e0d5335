// A connection test: each check as it passes, why one failed, and what helps.

import { call, get } from "./api.js";
import { badge } from "./controls.js";
import { h, replace } from "./dom.js";
import { microsoftSays, moment, words } from "./format.js";
import { pause } from "./runs.js";

const CHECKS = ["credential", "token", "organization", "licenses", "permissions"];
// without these nothing else can be tried
const NEEDED = ["credential", "token", "time"];
const LOOK_MS = 250;

/** The list of checks of a test that has ended. */
export function testSteps(test) {
  const view = stepsView();
  view.show(test);
  return view.element;
}

/**
 * Tests a saved portal, and shows in `place` each check as the portal tells of it; `before` is the
 * run ID of its last test. Returns the outcome. Raises ApiError.
 */
export async function testSaved(place, portalId, before, signal) {
  const view = stepsView();
  replace(place, view.element);
  view.wait(CHECKS[0]);
  let over = false;
  const outcome = call("POST", `/portals/${portalId}/test`, { signal }).finally(() => {
    over = true;
  });
  const watch = async () => {
    while (!over) {
      await pause(LOOK_MS, signal);
      const { lastTest } = await get(`/portals/${portalId}`, {}, signal);
      if (over || lastTest.state !== "queued" || lastTest.runId === before) continue;
      view.show(lastTest);
      view.wait(CHECKS[Math.min(lastTest.steps.length, CHECKS.length - 1)]);
    }
  };
  // what goes wrong here, the outcome tells
  watch().catch(() => {});
  const { data } = await outcome;
  view.show(data);
  return data;
}

/** Tests settings that are not saved, check by check, and shows each in `place`. Raises ApiError. */
export async function testUnsaved(place, body, signal) {
  const view = stepsView();
  replace(place, view.element);
  const steps = [];
  for (const check of CHECKS) {
    view.wait(check);
    const { data } = await call("POST", "/portals/test", { query: { check }, body, signal });
    steps.push(...data.steps);
    view.show({ steps });
    if (data.steps.some((step) => step.state === "failed" && NEEDED.includes(step.name))) break;
  }
  view.show({ steps, state: steps.some((step) => step.state === "failed") ? "failed" : "passed" });
}

/** The list of checks, which grows: what is shown stays, so that it is read out once. */
function stepsView() {
  const head = h("p");
  const list = h("ol", { class: "steps" });
  const next = h("div");
  let shown = 0;
  return {
    element: h("div", { class: "test" }, head, list, next),
    show({ state, testedAt, steps }) {
      list.append(...steps.slice(shown).map(stepItem));
      shown = steps.length;
      if (state === undefined || state === "queued") return;
      replace(head, badge(state), " ", testedAt && h("span", { class: "quiet" }, moment(testedAt)));
      replace(next);
    },
    wait(check) {
      replace(next, h("p", { class: "step-next quiet" }, h("span", { class: "spinner", "aria-hidden": "true" }), `${words(check)} …`));
    },
  };
}

function stepItem(step) {
  return h(
    "li",
    { class: "step" },
    badge(step.state),
    h(
      "div",
      {},
      h("p", {}, h("strong", {}, stepName(step.name)), " ", step.message),
      step.remedy && h("p", { class: "quiet" }, step.remedy),
      step.microsoftCode && h("p", { class: "quiet small" }, microsoftSays(step.microsoftCode, step.microsoftMessage)),
    ),
  );
}

// permissions keep Microsoft's spelling
function stepName(name) {
  const [, permission] = name.split("permission:");
  return permission ? `Permission ${permission}` : words(name);
}
