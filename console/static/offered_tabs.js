// Tabs of which only those are shown that this deployment's API has.

import { offers } from "./api.js";
import { tabs } from "./controls.js";

/** Promises the tabs, as [key, label, segments, path of the API], with one of them current. */
export async function offeredTabs(label, items, current) {
  const offered = await Promise.all(items.map(([, , , path]) => offers(path)));
  const shown = items.filter((_, at) => offered[at]);
  return shown.length > 1 ? tabs(label, shown, current) : null;
}
