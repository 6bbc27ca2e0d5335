// Compliance: every position with status, reason and remedy; Recalculate with live progress.

import { call, get, page } from "../api.js";
import { utilization } from "../charts.js";
import { badge, busy, choices, command, commandBar, filterBar, filterSelect, heading, iconButton, reload, section } from "../controls.js";
import { notify, notifyError } from "../dialog.js";
import { h, replace } from "../dom.js";
import { downloads } from "../downloads.js";
import { number, words } from "../format.js";
import { licenseHistory } from "../history.js";
import { portalFilter } from "../names.js";
import { address, amend, here } from "../router.js";
import { showProgress } from "../runs.js";
import { empty, fillLater } from "../states.js";
import { serverTable, table, unsorted } from "../table.js";

const STATUSES = ["under_licensed", "suspended", "cannot_be_synchronized", "expiring", "over_licensed", "compliant", "not_calculable"];
const AT_HAND = 1000;
const A_PAGE = 100;

/** Shows the page; portal and status are filters. */
export function show(main, { query, signal }) {
  const live = h("div", { class: "live", "aria-live": "polite" });
  const past = h("div", { class: "history-place", "aria-live": "polite" });
  const list = h("div");
  replace(
    main,
    heading("Compliance", [], "A recalculation imports afresh first; it also runs by itself on its schedule."),
    commandBar(
      command("play", "Recalculate", (event) => recalculate(event.currentTarget, live, query.get("portal"), signal, refill)),
      command("refresh", "Refresh", () => reload()),
      downloads("/compliance", { portalId: query.get("portal"), status: query.get("status") }),
    ),
    live,
    filterBar(
      filterSelect("Status", "status", choices(STATUSES), query.get("status")),
      portalFilter(query.get("portal"), signal),
    ),
    past,
    list,
  );
  const showHistory = (chosen) => fillLater(past, signal, () => historyView(chosen, past, signal));
  function refill() {
    fillLater(list, signal, () => positionsView(query, signal, showHistory), "Loading positions");
  }
  refill();
  if (query.has("history")) showHistory(query.get("history"));
}

/** The history of the license chosen, as "<portal>/<SKU>", above the positions. */
async function historyView(chosen, past, signal) {
  const [portalId, skuId] = chosen.split("/");
  const [position, graph] = await Promise.all([
    get(`/compliance/${portalId}/${skuId}`, {}, signal),
    licenseHistory(portalId, skuId, signal),
  ]);
  const close = () => {
    choose(null);
    replace(past);
    document.querySelector(`[data-history="${CSS.escape(chosen)}"]`)?.focus();
  };
  return section(`History of ${position.title}, ${position.portalName}`, command("cross", "Close", close), graph);
}

/** Keeps in the address whose history is shown. */
function choose(history) {
  const { segments, query } = here();
  if (history) query.set("history", history);
  else query.delete("history");
  amend(address(segments, query));
}

async function recalculate(button, live, portalId, signal, refill) {
  await busy(
    button,
    async () => {
      const body = portalId ? { portalIds: [portalId] } : {};
      const { data } = await call("POST", "/compliance/recalculate", { body, signal });
      const run = await showProgress(live, data.runId, signal);
      const tone = run.state === "Failed" ? "error" : "success";
      notify(tone, `The recalculation has ended: ${words(run.state).toLowerCase()}.`);
      refill();
    },
    notifyError,
  );
}

async function positionsView(query, signal, showHistory) {
  const columns = positionColumns(showHistory);
  const filters = { portalId: query.get("portal"), status: query.get("status") };
  let positions = await page("/compliance", { ...filters, top: AT_HAND }, { signal });
  const label = "Positions";
  if (positions.continuation || query.has("at")) {
    // too many to have at hand: the server pages
    positions = await page("/compliance", { ...filters, top: A_PAGE, continuation: query.get("at") }, { signal });
    return serverTable({ label, columns, ...positions, note: unsorted("Choose a portal or a status") });
  }
  if (!positions.rows.length) {
    return empty("No positions", filters.status || filters.portalId ? "No license is in this state." : "Recalculate to see where each license stands.");
  }
  return table({ label, columns, rows: positions.rows, sort: "status" });
}

const units = (field) => ({ numeric: true, value: (row) => row[field], cell: (row) => number(row[field]) });

const positionColumns = (showHistory) => [
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
  {
    key: "status",
    title: "Status",
    value: (row) => STATUSES.indexOf(row.status),
    cell: (row) => [badge(row.status), row.reason && h("span", { class: "small block" }, words(row.reason))],
  },
  { key: "entitled", title: "Entitled", ...units("entitled") },
  { key: "consumed", title: "Consumed", ...units("consumed") },
  { key: "available", title: "Available", ...units("available") },
  {
    key: "utilization",
    title: "Utilization",
    value: (row) => (row.entitled ? row.consumed / row.entitled : null),
    cell: (row) => h("span", { class: "with-button" }, utilization(row.consumed, row.entitled, row.title), historyButton(row, showHistory)),
  },
  { key: "remedy", title: "What helps", wide: true, cell: (row) => row.remedy },
];

function historyButton(row, showHistory) {
  const chosen = `${row.portalId}/${row.skuId}`;
  const open = async () => {
    choose(chosen);
    await showHistory(chosen);
    document.querySelector(".history-place")?.scrollIntoView({ block: "nearest" });
  };
  return iconButton("trend", `History of ${row.title}`, open, { "data-history": chosen });
}
