// One portal: its essentials and commands, and three tabs to change it.

import { call, get } from "../api.js";
import { badge, busy, command, commandBar, essentials, externalLink, field, reload, tabs } from "../controls.js";
import { credentialForm } from "../credential_form.js";
import { ask, notify, notifyError } from "../dialog.js";
import { h, replace } from "../dom.js";
import { exclusionPicker } from "../exclusion_picker.js";
import { clock, day, moment, number, relative, words } from "../format.js";
import { address, go } from "../router.js";
import { showProgress } from "../runs.js";
import { fillLater, message } from "../states.js";
import { editor } from "../editor.js";
import { testSaved, testSteps } from "../test_steps.js";
import { usageSettings } from "../usage_settings.js";

const TABS = { general: generalTab, connection: connectionTab, exclusions: exclusionsTab };

/** Shows a portal with one of its tabs; `onTested` runs when its connection has been tested. */
export function showPortal(place, { portalId, tab, signal, onTested }) {
  fillLater(place, signal, async () => {
    const { data: portal, etag } = await call("GET", `/portals/${portalId}`, { signal });
    return portalView({ ...portal, etag }, tab in TABS ? tab : "general", signal, onTested);
  }, "Loading the portal");
}

function portalView(portal, tab, signal, onTested) {
  const live = h("div", { class: "live", "aria-live": "polite" });
  const at = (key) => ["portals", portal.portalId, key];
  const content = h("div", { class: "tab-content" });
  const about = h("div", {}, portalEssentials(portal));
  TABS[tab](content, portal, signal);
  return [
    h("a", { class: "back", href: address(["portals"]) }, "All portals"),
    h("h2", { class: "details-title" }, portal.name),
    portalCommands(portal, live, signal, () => {
      replace(about, portalEssentials(portal));
      // the steps just shown stand in its place
      content.querySelector(".last-test")?.remove();
      onTested();
    }),
    live,
    about,
    tabs("Settings", [["general", "General", at("general")], ["connection", "Connection", at("connection")], ["exclusions", "Exclusions", at("exclusions")]], tab),
    content,
  ];
}

function portalCommands(portal, live, signal, onTested) {
  const start = (task, body) => async (event) => {
    await busy(event.currentTarget, async () => {
      const { data } = await call("POST", `/portals/${portal.portalId}/${task}`, { body, signal });
      const run = await showProgress(live, data.runId, signal);
      const done = run.state === "Failed" ? "error" : "success";
      notify(done, `The ${words(run.task).toLowerCase()} of ${portal.name} has ended: ${words(run.state).toLowerCase()}.`);
    }, notifyError);
  };
  return commandBar(
    command("play", "Import", start("import", {})),
    command("test", "Test connection", (event) =>
      busy(event.currentTarget, async () => {
        try {
          const lastTest = await testSaved(live, portal.portalId, portal.lastTest.runId, signal);
          Object.assign(portal, { lastTest });
          onTested();
        } catch (error) {
          replace(live);
          throw error;
        }
      }, notifyError)),
    portal.credential.kind === "delegated" &&
      command("people", "Sign in", (event) => busy(event.currentTarget, () => signIn(portal, live, signal), notifyError)),
    command("refresh", "Clean import", (event) => {
      const button = event.currentTarget;
      ask({
        title: "Start a clean import?",
        content: [
          h("p", {}, "Everything imported of this portal is built anew, once the tenant has answered in full. Until then the present data stays."),
          h("p", { class: "quiet" }, "Use it when the numbers look wrong, or to accept a large drop that an import held back."),
        ],
        label: "Start",
        confirm: async () => true,
      }).then((yes) => yes && start("import", { clean: true })({ currentTarget: button }));
    }),
    portal.tasks?.length > 0 && command("people", "Read usage", start("usage")),
    command("delete", "Delete", () => deletePortal(portal)),
  );
}

/** Shows where an administrator of the tenant signs in for the portal. */
async function signIn(portal, live, signal) {
  const { data } = await call("POST", `/portals/${portal.portalId}/authorize`, { signal });
  replace(
    live,
    h("p", {}, "An administrator of the tenant signs in at Microsoft and consents; then test the connection. The address serves once, until ", clock(data.expiresAt), "."),
    h("p", { class: "quiet" }, `The app registration needs the redirect URI ${data.redirectUri}`),
    externalLink(data.signInUrl, "Go to Microsoft's sign-in"),
  );
}

async function deletePortal(portal) {
  const typed = h("input", { type: "text", name: "confirmation", autocomplete: "off" });
  const deleted = await ask({
    title: `Delete ${portal.name}?`,
    content: [
      h("p", {}, "The connection and its credential in Key Vault are deleted. Nothing changes in the tenant."),
      h("p", {}, "What was imported remains: licenses, products and contacts stay in the ledger, their positions say that they cannot be synchronized, and you delete them by hand. A portal of the same name for the same tenant takes them over."),
      field(`Type ${portal.name} to confirm`, typed, { required: true }),
    ],
    label: "Delete",
    danger: true,
    confirm: async () => {
      if (typed.value.trim() !== portal.name) {
        typed.focus();
        throw Object.assign(new Error("This is not the portal's name."), { remedy: `Type ${portal.name}.` });
      }
      return (await call("DELETE", `/portals/${portal.portalId}`)).data;
    },
  });
  if (!deleted) return;
  notify("success", `${deleted.name} was deleted. ${deleted.message}`);
  go(["portals"]);
}

function portalEssentials(portal) {
  const { credential } = portal;
  return essentials([
    ["Status", portal.enabled ? badge("Succeeded", "Enabled") : badge("skipped", "Disabled")],
    ["Last test", [badge(portal.lastTest.state), " ", portal.lastTest.testedAt && relative(portal.lastTest.testedAt)]],
    ["Tenant ID", h("code", {}, portal.tenantId)],
    ["Client ID", h("code", {}, portal.clientId)],
    ["Cloud", portal.cloud],
    [
      "Credential",
      [
        words(credential.kind),
        credential.expiresAt && [", valid until ", day(credential.expiresAt)],
        credential.kind === "delegated" && (credential.signedInAt ? [", signed in ", moment(credential.signedInAt)] : ", nobody has signed in yet"),
        credential.expiring && [" ", badge("expiring", `${number(credential.expiresInDays)} days left`)],
      ],
    ],
    ["Exclusions", number(portal.exclusions.length)],
    ["Changed", moment(portal.updatedAt)],
  ]);
}

async function change(portal, changes) {
  const { hash } = location;
  await call("PATCH", `/portals/${portal.portalId}`, { body: changes, ifMatch: portal.etag });
  notify("success", `${changes.name ?? portal.name} was saved.`);
  reload(hash);
}

function generalTab(content, portal) {
  const name = h("input", { type: "text", name: "name", value: portal.name, maxlength: 100 });
  const description = h("textarea", { name: "description", rows: 3, maxlength: 1000 }, portal.description);
  const enabled = h("input", { type: "checkbox", name: "enabled", checked: portal.enabled });
  const usage = usageSettings(portal);
  replace(
    content,
    editor({
      label: "General",
      content: [
        field("Name", name, { required: true, hint: "Unique; the prefix of product names." }),
        field("Description", description),
        h("label", { class: "check" }, enabled, "Import on schedule"),
        usage.elements,
      ],
      save: () =>
        change(portal, {
          name: name.value,
          description: description.value,
          enabled: enabled.checked,
          ...usage.read(),
        }),
    }),
  );
}

function connectionTab(content, portal) {
  const form = credentialForm({ connection: portal, mayKeep: true });
  const { credential } = portal;
  replace(
    content,
    portal.lastTest.steps.length > 0 && h("div", { class: "last-test" }, h("h3", {}, "Last test"), testSteps(portal.lastTest)),
    credential.kind === "certificate" &&
      essentials([
        ["Subject", credential.subject],
        ["Thumbprint (SHA-1)", h("code", {}, credential.thumbprintSha1)],
        ["Thumbprint (SHA-256)", h("code", {}, credential.thumbprintSha256)],
      ]),
    editor({
      label: "Connection",
      content: form.element,
      save: async () => change(portal, await form.read()),
    }),
  );
}

function exclusionsTab(content, portal, signal) {
  const picker = exclusionPicker({
    chosen: portal.exclusions,
    load: async (subscribed) =>
      (await get(`/portals/${portal.portalId}/available-licenses`, { subscribed }, signal)).value,
    signal,
  });
  replace(
    content,
    message("info", h("p", {}, "Excluded licenses are left out of imports. What was imported before stays, and says that it cannot be synchronized.")),
    editor({
      label: "Exclusions",
      content: picker.element,
      save: async () => {
        const { hash } = location;
        await call("PUT", `/portals/${portal.portalId}/exclusions`, { body: { exclusions: picker.chosen() } });
        notify("success", "The exclusions were saved; the next import follows them.");
        reload(hash);
      },
    }),
  );
}
