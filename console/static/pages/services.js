// Activity by service: when each contact last used which service.

import { page } from "../api.js";
import { command, commandBar, filterBar, filterSelect, heading, reload } from "../controls.js";
import { h, replace } from "../dom.js";
import { day, words } from "../format.js";
import { portalFilter } from "../names.js";
import { peopleTabs } from "../people_tabs.js";
import { personCell } from "../persons.js";
import { empty, fillLater } from "../states.js";
import { serverTable } from "../table.js";
import { activityBadge, activityFilter } from "./usage.js";

const A_PAGE = 100;

/** Shows the page; portal, activity and how many services are filters. */
export function show(main, { query, signal }) {
  const bar = h("div");
  const list = h("div");
  const view = query.get("view") ?? "11";
  replace(
    main,
    heading("People", [], "A dash is unknown or never; a service without a report says so."),
    commandBar(command("refresh", "Refresh", () => reload())),
    bar,
    filterBar(
      portalFilter(query.get("portal"), signal),
      activityFilter(query),
      filterSelect("Services", "view", [["11", "11"], ["7", "7"]], view),
    ),
    list,
  );
  fillLater(bar, signal, () => peopleTabs("services"));
  fillLater(list, signal, async () => {
    const filters = { portalId: query.get("portal"), inactive: query.get("inactive"), view, top: A_PAGE, continuation: query.get("at") };
    const found = await page("/usage/access", filters, { signal });
    if (!found.rows.length && !found.continuation) {
      return empty("Nobody found", "Switch the task Access on in a portal's tab General, then read usage.");
    }
    return serverTable({ label: "Activity by service", columns: COLUMNS, ...found });
  }, "Loading activity");
}

const named = (services) => services.map(words).join(", ") || "–";

const COLUMNS = [
  {
    key: "name",
    title: "Name",
    wide: true,
    cell: (row) => personCell(row),
  },
  { key: "activity", title: "Activity", cell: (row) => activityBadge(row) },
  { key: "signIn", title: "Last sign-in", cell: (row) => day(row.lastSignIn) },
  {
    key: "used",
    title: "Used",
    wide: true,
    cell: (row) =>
      row.used.length ? row.used.map((service) => h("span", { class: "block" }, words(service), " ", h("span", { class: "quiet" }, day(dateOf(row, service))))) : "–",
  },
  { key: "notUsed", title: "Not used", wide: true, cell: (row) => named(row.notUsed) },
  { key: "unknown", title: "Unknown", cell: (row) => named(row.unknown) },
  { key: "withoutSource", title: "Without a report", cell: (row) => named(row.withoutSource) },
];

/** The date of a service, whose name is camelCase in the row: one_drive and onedrive alike. */
function dateOf(row, service) {
  const key = service.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
  return row.lastActivity[key];
}
