// The tabs of People, where the API knows of usage.

import { offers } from "./api.js";
import { tabs } from "./controls.js";

/** Promises the tabs with one of them current; nothing where there is only one. */
export async function peopleTabs(current) {
  if (!(await offers("/usage/roster"))) return null;
  return tabs(
    "People",
    [
      ["people", "Contacts", ["people"]],
      ["usage", "Usage", ["people", "usage"]],
      ["services", "Services", ["people", "services"]],
    ],
    current,
  );
}
