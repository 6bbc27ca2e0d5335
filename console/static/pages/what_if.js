// What if: what each other license of the tenant would mean for the holders of one.

import { all, page } from "../api.js";
import { command, commandBar, essentials, filterBar, filterSelect, heading, reload } from "../controls.js";
import { h, replace } from "../dom.js";
import { downloads } from "../downloads.js";
import { count, money, number, words } from "../format.js";
import { portalFilter } from "../names.js";
import { address } from "../router.js";
import { savingsTabs } from "../savings_tabs.js";
import { empty, fillLater, message } from "../states.js";
import { serverTable, table } from "../table.js";

const AT_HAND = 1000;
const A_PAGE = 100;

/** Shows the page; portal and license are chosen as filters are. */
export function show(main, { query, signal }) {
  const portalId = query.get("portal");
  const skuId = query.get("sku");
  const bar = h("div");
  const chooser = h("div");
  const list = h("div");
  replace(
    main,
    heading("Savings", [], "What would it mean if the holders of a license had another one of the tenant instead?"),
    commandBar(
      command("refresh", "Refresh", () => reload()),
      portalId && skuId && downloads("/spend/what-if", { portalId, skuId }),
    ),
    bar,
    filterBar(portalFilter(portalId, signal), chooser),
    list,
  );
  const licenses = portalId ? all("/licenses", { portalId }, { signal }) : Promise.resolve({ rows: [] });
  fillLater(bar, signal, () => savingsTabs("what-if"));
  fillLater(chooser, signal, async () => portalId && licenseFilter((await licenses).rows, skuId));
  fillLater(list, signal, async () => {
    if (!portalId) return empty("No license chosen", "Choose a portal, then the license whose seats might be others.");
    const chosen = (await licenses).rows.find((row) => row.skuId === skuId);
    if (!chosen) return empty("No license chosen", "Choose the license of this portal whose seats might be others.");
    return alternativesView({ portalId, skuId }, query.get("at"), signal);
  });
}

function licenseFilter(licenses, skuId) {
  const named = licenses.map((row) => [row.skuId, row.title]).sort(([, one], [, other]) => one.localeCompare(other));
  const known = named.some(([id]) => id === skuId);
  return filterSelect("License", "sku", [["", "Choose"], ...named], known ? skuId : "");
}

async function alternativesView(license, at, signal) {
  const top = at ? A_PAGE : AT_HAND;
  const found = await page("/spend/what-if", { ...license, top, continuation: at }, { signal });
  const [first] = found.rows;
  if (!first && !at) {
    return empty(
      "Nothing to compare",
      "The tenant has no other managed license whose plans are known, or the seats of this one are not counted. Recalculate compliance, and see whether its contract says that it is managed.",
      h("a", { class: "button", href: address(["licenses", license.portalId, license.skuId]) }, "The license"),
    );
  }
  const label = "What if";
  return [
    first && chosenView(first),
    found.rows.some((row) => row.fits > 0 && row.saving === null) &&
      message("info", h("p", {}, "A saving is known where both licenses have a price in the same currency. Prices are entered at the licenses.")),
    at || found.continuation
      ? serverTable({ label, columns: COLUMNS, ...found })
      : table({ label, columns: COLUMNS, rows: found.rows, note: "Seats that fit lose nothing that was used." }),
  ];
}

function chosenView(row) {
  const { portalId, skuId } = row;
  return essentials([
    ["License", h("a", { href: address(["licenses", portalId, skuId]) }, row.title)],
    ["Seats held", number(row.seats)],
    ["Wasted, need no other license", h("a", { href: address(["savings", "waste"], { portal: portalId, sku: skuId }) }, number(row.wasted))],
  ]);
}

const seats = (key, title) => ({ key, title, numeric: true, value: (row) => row[key], cell: (row) => number(row[key]) });

const COLUMNS = [
  {
    key: "other",
    title: "Instead",
    wide: true,
    value: (row) => row.otherTitle,
    cell: (row) => h("a", { href: address(["licenses", row.portalId, row.otherSkuId]) }, row.otherTitle),
  },
  seats("fits", "Fits"),
  seats("loses", "Would lose"),
  { key: "lost", title: "What is lost", wide: true, cell: (row) => lostCell(row) },
  seats("unknown", "Unknown"),
  seats("unitsToBuy", "To buy"),
  {
    key: "saving",
    title: "Saves a year",
    numeric: true,
    value: (row) => (row.saving === null ? null : Number(row.saving)),
    cell: (row) => money(row.saving, row.currency),
  },
];

/** What seats would lose that they use, and the plans that the other license lacks. */
function lostCell(row) {
  const used = row.lostServices.map((each) => `${words(each.service)}: ${count(each.seats, "seat")}`);
  if (row.tooSmall) used.push(`Room to store: ${count(row.tooSmall, "seat")}`);
  return [
    used.length ? used.map((each) => h("span", { class: "block" }, each)) : "Nothing in use",
    row.lostPlans.length > 0 &&
      h(
        "details",
        { class: "small" },
        h("summary", { "aria-label": `Lacks ${count(row.lostPlans.length, "plan")}: ${row.otherTitle}` }, `Lacks ${count(row.lostPlans.length, "plan")}`),
        row.lostPlans.map((plan) => h("code", { class: "block" }, plan)),
      ),
  ];
}
