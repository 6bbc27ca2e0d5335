// The tabs of Savings: only what this deployment's API has.

import { offers } from "./api.js";
import { tabs } from "./controls.js";

const TABS = [
  ["spend", "Spend and waste", ["savings"], "/spend"],
  ["waste", "Wasted seats", ["savings", "waste"], "/spend/waste"],
  ["overlap", "Overlap", ["savings", "overlap"], "/spend/overlap"],
  ["right-sizing", "Right-sizing", ["savings", "right-sizing"], "/spend/right-sizing"],
  ["what-if", "What if", ["savings", "what-if"], "/spend/what-if"],
  ["installations", "Installations", ["savings", "installations"], "/usage/hybrid"],
  ["reclamations", "Reclamation", ["savings", "reclamations"], "/reclamations"],
];

/** Promises the tabs with one of them current. */
export async function savingsTabs(current) {
  const offered = await Promise.all(TABS.map(([, , , path]) => offers(path)));
  return tabs("Savings", TABS.filter((_, at) => offered[at]), current);
}
