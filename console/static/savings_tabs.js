// The tabs of Savings.

import { offeredTabs } from "./offered_tabs.js";

const TABS = [
  ["spend", "Spend and waste", ["savings"], "/spend"],
  ["waste", "Wasted seats", ["savings", "waste"], "/spend/waste"],
  ["overlap", "Overlap", ["savings", "overlap"], "/spend/overlap"],
  ["right-sizing", "Right-sizing", ["savings", "right-sizing"], "/spend/right-sizing"],
  ["what-if", "What if", ["savings", "what-if"], "/spend/what-if"],
  ["installations", "Installations", ["savings", "installations"], "/usage/hybrid"],
  ["reclamations", "Reclamation", ["savings", "reclamations"], "/reclamations"],
];

/** Promises the tabs with one of them current; nothing where there is only one. */
export const savingsTabs = (current) => offeredTabs("Savings", TABS, current);
