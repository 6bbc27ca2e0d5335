// The history of a license: a graph, and its numbers as a table.

import { page } from "./api.js";
import { historyChart } from "./charts.js";
import { h } from "./dom.js";
import { calendarDay, number, words } from "./format.js";

const HISTORY_DAYS = 90;

/** Promises the last days of a license, oldest at left. */
export async function licenseHistory(portalId, skuId, signal) {
  const { rows } = await page("/compliance/history", { portalId, skuId, top: HISTORY_DAYS }, { signal });
  return historyView(rows.reverse());
}

function historyView(days) {
  if (!days.length) return h("p", { class: "quiet" }, "There is no history yet; it grows by a day with each recalculation.");
  return [
    historyChart(days, "Entitled and consumed licenses"),
    h(
      "details",
      {},
      h("summary", {}, "As a table"),
      h(
        "table",
        { class: "table table-plain" },
        h("thead", {}, h("tr", {}, ["Day", "Status", "Entitled", "Consumed", "Available"].map((text) => h("th", { scope: "col" }, text)))),
        h(
          "tbody",
          {},
          days.toReversed().map((each) =>
            h("tr", {}, h("td", {}, calendarDay(each.day)), h("td", {}, words(each.status)), [each.entitled, each.consumed, each.available].map((value) => h("td", { class: "numeric" }, number(value)))),
          ),
        ),
      ),
    ),
  ];
}
