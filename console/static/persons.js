// How a contact is called: by name, by address, or as nobody in particular.

import { h } from "./dom.js";
import { address } from "./router.js";

/** The name of a contact; whoever was erased, or is kept nameless, has none. */
export const personName = (row) => row.displayName || row.userPrincipalName || "Nameless contact";

/** A contact in a table: its name, which leads to it, over its address, or over its ID without one. */
export function personCell(row, { portalId = row.portalId, name = personName(row) } = {}) {
  return [
    h("a", { href: address(["people", portalId, row.userId]) }, name),
    h("span", { class: "quiet small block" }, row.userPrincipalName || row.userId),
  ];
}
