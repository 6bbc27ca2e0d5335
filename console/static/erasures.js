// Erasing a person on demand, and lifting an erasure.

import { call } from "./api.js";
import { field } from "./controls.js";
import { ask, notify } from "./dialog.js";
import { h } from "./dom.js";
import { personName } from "./persons.js";
import { go } from "./router.js";

/** Asks, and erases a contact; what remains is a nameless holder with another ID. */
export async function askToErase(contact) {
  const done = await ask({
    title: `Erase ${personName(contact)}?`,
    content: [
      h("p", {}, "Name, address and all other details of the person leave the ledger, and stay away over imports. A nameless holder of the licenses remains, so that the numbers stay right. Nothing changes in the tenant."),
      h("p", { class: "quiet" }, "Note the user ID if the erasure may have to be lifted: ", h("code", {}, contact.userId)),
    ],
    label: "Erase",
    danger: true,
    confirm: async () => {
      await call("DELETE", `/contacts/${contact.portalId}/${contact.userId}`);
      return true;
    },
  });
  if (!done) return;
  notify("success", "The person was erased.");
  go(["people"], { portal: contact.portalId });
}

/** Asks for the person by the ID in the tenant, which the ledger has forgotten, and lifts the erasure. */
export async function askToLift(portals, portalId = null) {
  const portal = h("select", { name: "portal_id" }, portals.map(([id, name]) => h("option", { value: id, selected: id === portalId }, name)));
  const userId = h("input", { type: "text", name: "user_id", autocomplete: "off", spellcheck: "false" });
  const lifted = await ask({
    title: "Lift an erasure?",
    content: [
      h("p", {}, "The next import reads the person from the tenant again, by name. The ledger does not know whom it erased, so the user ID has to come from you, or from Entra."),
      field("Portal", portal, { required: true }),
      field("User ID", userId, { required: true, hint: "Entra admin center › Users › the person › Object ID." }),
    ],
    label: "Lift erasure",
    confirm: async () => {
      await call("DELETE", `/contacts/${portal.value}/${encodeURIComponent(userId.value.trim())}/erasure`);
      return true;
    },
  });
  if (lifted) notify("success", "The erasure was lifted. Import the portal to see the person again.");
}
