// The tabs of People.

import { offeredTabs } from "./offered_tabs.js";

const TABS = [
  ["people", "Contacts", ["people"], "/contacts"],
  ["usage", "Usage", ["people", "usage"], "/usage/roster"],
  ["services", "Services", ["people", "services"], "/usage/access"],
  ["premium", "Premium features", ["people", "premium"], "/usage/premium"],
];

/** Promises the tabs with one of them current; nothing where there is only one. */
export const peopleTabs = (current) => offeredTabs("People", TABS, current);
