// What several pages say of a reclamation.

import { money } from "./format.js";

/** What the planned items cost a year, each currency apart. */
export function savingsText(reclamation) {
  const known = reclamation.yearlySavings.map((each) => money(each.amount, each.currency));
  return known.length ? known.join(", ") : "Not known";
}
