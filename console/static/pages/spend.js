// Spend and waste: what licenses cost a year, what of that is wasted, each currency apart.

import { get, offers, page } from "../api.js";
import { badge, command, commandBar, essentials, filterBar, heading, reload, section } from "../controls.js";
import { h, replace } from "../dom.js";
import { count, money, number } from "../format.js";
import { portalFilter } from "../names.js";
import { address, amend } from "../router.js";
import { savingsTabs } from "../savings_tabs.js";
import { empty, fillLater, message } from "../states.js";
import { serverTable, table, unsorted } from "../table.js";

const AT_HAND = 1000;
const A_PAGE = 100;
const CAUSES = [
  ["neverAssigned", "Never assigned"],
  ["blocked", "Held by blocked contacts"],
  ["duplicate", "Duplicate"],
  ["inactive", "Held by inactive contacts"],
];

/** Shows the page; without spend in the API, reclamation is what Savings has. */
export function show(main, { query, signal }) {
  const bar = h("div");
  const totals = h("div");
  const list = h("div");
  const portalId = query.get("portal");
  replace(
    main,
    heading("Savings", [], "Waste counts each seat once: never assigned, blocked holder, duplicate, inactive."),
    commandBar(command("refresh", "Refresh", () => reload())),
    bar,
    filterBar(portalFilter(portalId, signal)),
    totals,
    list,
  );
  fillLater(bar, signal, async () => {
    if (!(await offers("/spend"))) {
      amend(address(["savings", "reclamations"]));
      reload();
    }
    return savingsTabs("spend");
  });
  fillLater(totals, signal, async () => totalsView(await get("/spend/summary", { portalId }, signal)));
  fillLater(list, signal, () => licensesView(portalId, query, signal));
}

function totalsView(summary) {
  if (!summary.licenses && !summary.unmanaged) return empty("Nothing to count yet", "Recalculate compliance first.");
  return [
    summary.stale && message("info", h("p", {}, "Some figures are being recalculated.")),
    summary.unpriced > 0 &&
      message(
        "info",
        h("p", {}, `${count(summary.unpriced, "license")} without a price. Enter what is paid for each at the license itself.`),
      ),
    summary.currencies.map(currencyView),
    essentials([
      ["Managed licenses", number(summary.licenses)],
      ["Unmanaged, left out", number(summary.unmanaged)],
      ["Wasted seats without a price", number(summary.unpricedWastedSeats)],
      ["Seats of unknown activity", number(summary.unknownActivitySeats)],
    ]),
  ];
}

function currencyView(totals) {
  const { currency, waste } = totals;
  return section(
    `In ${currency}`,
    h(
      "ul",
      { class: "tiles tiles-money" },
      costTile("Annual spend", money(totals.annualSpend, currency), count(totals.licenses, "license")),
      waste && costTile("Wasted", money(waste.total.annual, currency), count(waste.total.seats, "seat")),
      waste && CAUSES.map(([key, label]) => costTile(label, money(waste[key].annual, currency), count(waste[key].seats, "seat"))),
      costTile("Cheaper licenses would do", money(totals.rightSizing.annual, currency), count(totals.rightSizing.seats, "seat")),
    ),
  );
}

function costTile(label, amount, note) {
  return h(
    "li",
    {},
    h(
      "div",
      { class: "tile" },
      h("span", { class: "tile-amount" }, amount),
      h("span", { class: "tile-label" }, label),
      h("span", { class: "quiet" }, note),
    ),
  );
}

async function licensesView(portalId, query, signal) {
  let found = await page("/spend", { portalId, top: AT_HAND }, { signal });
  const label = "Spend by license";
  if (found.continuation || query.has("at")) {
    found = await page("/spend", { portalId, top: A_PAGE, continuation: query.get("at") }, { signal });
    return serverTable({ label, columns: COLUMNS, ...found, note: unsorted("Choose a portal") });
  }
  return found.rows.length ? table({ label, columns: COLUMNS, rows: found.rows, sort: "wasted", downAtFirst: true }) : null;
}

const COLUMNS = [
  {
    key: "title",
    title: "License",
    wide: true,
    value: (row) => row.title,
    cell: (row) => [
      h("a", { href: address(["licenses", row.portalId, row.skuId]) }, row.title),
      h("span", { class: "quiet small block" }, row.portalName),
    ],
  },
  { key: "status", title: "Status", value: (row) => row.status, cell: (row) => badge(row.status) },
  { key: "entitled", title: "Entitled", numeric: true, value: (row) => row.entitled, cell: (row) => number(row.entitled) },
  {
    key: "annual",
    title: "Annual spend",
    numeric: true,
    value: (row) => (row.annualSpend === null ? null : Number(row.annualSpend)),
    cell: (row) => money(row.annualSpend, row.currency),
  },
  {
    key: "seats",
    title: "Wasted seats",
    numeric: true,
    value: (row) => row.waste?.total.seats ?? null,
    cell: (row) =>
      row.waste &&
      h("a", { href: address(["savings", "waste"], { portal: row.portalId, sku: row.skuId }) }, number(row.waste.total.seats)),
  },
  {
    key: "wasted",
    title: "Wasted a year",
    numeric: true,
    value: (row) => ((row.waste?.total.annual ?? null) === null ? null : Number(row.waste.total.annual)),
    cell: (row) => money(row.waste?.total.annual, row.currency),
  },
  {
    key: "unknown",
    title: "Unknown activity",
    numeric: true,
    value: (row) => row.unknownActivity,
    cell: (row) => (row.unknownActivity === null ? "–" : number(row.unknownActivity)),
  },
];
