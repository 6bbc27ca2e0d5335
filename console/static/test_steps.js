// The outcome of a connection test: every check, why it failed, and what helps.

import { badge } from "./controls.js";
import { h } from "./dom.js";
import { microsoftSays, moment, words } from "./format.js";

/** The list of checks. */
export function testSteps(test) {
  return h(
    "div",
    { class: "test" },
    h("p", {}, badge(test.state), " ", test.testedAt && h("span", { class: "quiet" }, moment(test.testedAt))),
    h(
      "ol",
      { class: "steps" },
      test.steps.map((step) =>
        h(
          "li",
          { class: "step" },
          badge(step.state),
          h(
            "div",
            {},
            h("p", {}, h("strong", {}, stepName(step.name)), " ", step.message),
            step.remedy && h("p", { class: "quiet" }, step.remedy),
            step.microsoftCode &&
              h("p", { class: "quiet small" }, microsoftSays(step.microsoftCode, step.microsoftMessage)),
          ),
        ),
      ),
    ),
  );
}

// permissions keep Microsoft's spelling
function stepName(name) {
  const [, permission] = name.split("permission:");
  return permission ? `Permission ${permission}` : words(name);
}
