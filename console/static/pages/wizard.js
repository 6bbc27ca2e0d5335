// Add portal: three steps, General, Connection, Exclusions. Nothing is saved before Create.

import { call } from "../api.js";
import { clearFieldErrors, field, heading, showAtField } from "../controls.js";
import { credentialForm } from "../credential_form.js";
import { notify } from "../dialog.js";
import { h, replace } from "../dom.js";
import { editor } from "../editor.js";
import { exclusionPicker } from "../exclusion_picker.js";
import { address, go, here } from "../router.js";
import { problem } from "../states.js";
import { testUnsaved } from "../test_steps.js";

const STEPS = [
  ["general", "General"],
  ["connection", "Connection"],
  ["exclusions", "Exclusions"],
];

// what was entered, kept while moving between the steps; a reload starts anew
let draft = null;

/** Shows a step; later steps wait until the earlier ones are filled in. */
export function show(main, { segments, signal }) {
  const wanted = segments[2] ?? "general";
  draft ??= newDraft();
  signal.addEventListener("abort", forgetIfLeft, { once: true });
  const step = reachable(wanted);
  if (wanted !== step) {
    go(["portals", "new", ...(step === "general" ? [] : [step])]);
    return;
  }
  const content = h("div", { class: "tab-content" });
  replace(
    main,
    heading("Add portal", [["Portals", ["portals"]]]),
    h(
      "ol",
      { class: "wizard-steps" },
      STEPS.map(([key, label], at) =>
        h("li", { "aria-current": key === step ? "step" : null }, h("span", { class: "step-number" }, at + 1), label),
      ),
    ),
    content,
  );
  replace(content, { general: generalStep, connection: connectionStep, exclusions: exclusionsStep }[step](signal));
}

// secrets do not outlive the wizard
function forgetIfLeft() {
  const { segments } = here();
  if (segments[0] !== "portals" || segments[1] !== "new") draft = null;
}

function newDraft() {
  const made = {
    name: h("input", { type: "text", name: "name", maxlength: 100, autocomplete: "off" }),
    description: h("textarea", { name: "description", rows: 3, maxlength: 1000 }),
    connection: credentialForm({}),
    // read from the connection's fields when they are left
    settings: null,
    exclusions: [],
  };
  made.nameField = field("Name", made.name, {
    required: true,
    hint: "Unique; the prefix of product names, e.g. Contoso.",
  });
  made.descriptionField = field("Description", made.description, { hint: "Optional." });
  return made;
}

function reachable(wanted) {
  if (!draft.name.value.trim()) return "general";
  if (wanted === "exclusions" && !draft.settings) return "connection";
  return STEPS.some(([key]) => key === wanted) ? wanted : "general";
}

function buttonTo(label, segments) {
  return h("a", { class: "button", href: address(segments) }, label);
}

function required(input, text) {
  if (input.value.trim()) return;
  throw Object.assign(new Error(text), { field: input.name, remedy: null });
}

function generalStep() {
  return editor({
    label: "General",
    content: [draft.nameField, draft.descriptionField],
    action: "Next: Connection",
    extra: buttonTo("Cancel", ["portals"]),
    save: async () => {
      required(draft.name, "Give the portal a name.");
      go(["portals", "new", "connection"]);
    },
  });
}

function connectionStep(signal) {
  const outcome = h("div", { class: "live", "aria-live": "polite" });
  const test = h("button", { type: "button", class: "button" }, "Test connection");
  const form = editor({
    label: "Connection",
    content: [draft.connection.element, outcome],
    action: "Next: Exclusions",
    extra: [test, buttonTo("Previous", ["portals", "new"])],
    save: async () => {
      draft.settings = await draft.connection.read();
      go(["portals", "new", "exclusions"]);
    },
  });
  test.addEventListener("click", async () => {
    clearFieldErrors(form);
    replace(outcome);
    test.disabled = true;
    try {
      await testUnsaved(outcome, await draft.connection.read(), signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      replace(outcome, showAtField(form, error) ? [] : problem(error));
    } finally {
      test.disabled = false;
    }
  });
  return form;
}

function exclusionsStep(signal) {
  const picker = exclusionPicker({
    chosen: draft.exclusions,
    // before somebody has signed in, the tenant cannot be asked
    asksTenant: draft.settings.credential.kind !== "delegated",
    load: async (subscribed) => {
      const { data } = await call("POST", "/portals/available-licenses", {
        query: { subscribed },
        body: draft.settings,
        signal,
      });
      return data.value;
    },
    signal,
  });
  const remember = () => {
    if (draft) draft.exclusions = picker.chosen();
  };
  signal.addEventListener("abort", remember, { once: true });
  return editor({
    label: "Exclusions",
    content: [h("p", { class: "quiet" }, "Choose what imports leave out. You can change it later."), picker.element],
    action: "Create",
    extra: buttonTo("Previous", ["portals", "new", "connection"]),
    save: () => create(picker.chosen()),
  });
}

async function create(exclusions) {
  const body = {
    name: draft.name.value,
    description: draft.description.value || null,
    ...draft.settings,
    exclusions,
  };
  try {
    const { data } = await call("POST", "/portals", { body });
    draft = null;
    notify("success", `${data.name} was added. Import it to see its licenses.`);
    go(["portals", data.portalId]);
  } catch (error) {
    const step = stepOf(error.field);
    if (!step) throw error;
    go(["portals", "new", ...step]);
    // the step is drawn when the address has changed
    setTimeout(() => {
      const form = document.querySelector("#main form.editor");
      if (form) showAtField(form, error);
    }, 50);
  }
}

function stepOf(name) {
  if (name === "name" || name === "description") return [];
  if (["tenantId", "clientId", "cloud"].includes(name) || name?.startsWith("credential")) return ["connection"];
  return null;
}
