// Usage of people: when each was last active, with licenses, storage and platforms.

import { page } from "../api.js";
import { badge, command, commandBar, filterBar, filterSelect, heading, reload } from "../controls.js";
import { h, replace } from "../dom.js";
import { day, number, words } from "../format.js";
import { portalFilter } from "../names.js";
import { peopleTabs } from "../people_tabs.js";
import { personCell } from "../persons.js";
import { empty, fillLater, message } from "../states.js";
import { serverTable } from "../table.js";

const A_PAGE = 100;
const PLATFORMS = ["windows", "mac", "mobile", "web"];

/** Activity as the reader's filter: known to be inactive, known not to be, or all. */
export const activityFilter = (query) =>
  filterSelect("Activity", "inactive", [["", "All"], ["true", "Inactive"], ["false", "Active"]], query.get("inactive"));

/** A contact's activity in one badge. */
export const activityBadge = (row) =>
  badge({ active: "Succeeded", inactive: "expiring" }[row.activity] ?? "never", words(row.activity));

/** Shows the page; portal and activity are filters. */
export function show(main, { query, signal }) {
  const bar = h("div");
  const known = h("div");
  const list = h("div");
  const portalId = query.get("portal");
  replace(
    main,
    heading("People", [], "What is not known stays unknown; it is never taken for inactive."),
    commandBar(command("refresh", "Refresh", () => reload())),
    bar,
    filterBar(portalFilter(portalId, signal), activityFilter(query)),
    known,
    list,
  );
  fillLater(bar, signal, () => peopleTabs("usage"));
  fillLater(known, signal, async () => gaps((await page("/usage/status", { portalId, top: 1000 }, { signal })).rows));
  fillLater(list, signal, async () => {
    const filters = { portalId, inactive: query.get("inactive"), top: A_PAGE, continuation: query.get("at") };
    const found = await page("/usage/roster", filters, { signal });
    if (!found.rows.length && !found.continuation) {
      return empty("Nobody found", "Switch usage tasks on in a portal's tab General, then read usage.");
    }
    return serverTable({ label: "Usage", columns: COLUMNS, ...found });
  }, "Loading usage");
}

/** What keeps activity unknown, by portal. */
function gaps(statuses) {
  const told = statuses
    .map((status) => [status, status.tasks.filter((task) => ["unavailable", "concealed"].includes(task.state))])
    .filter(([, tasks]) => tasks.length);
  return told.slice(0, 5).map(([status, tasks]) =>
    message(
      "warning",
      h("p", {}, `${status.portalName}: ${tasks.map(taskText).join("; ")}.`),
      status.remedy && h("p", {}, status.remedy),
    ),
  );
}

const taskText = (task) =>
  `${words(task.task)} ${words(task.state).toLowerCase()}${task.lacks ? `, lacks ${task.lacks}` : ""}`;

const megabytes = (value) => (value === null ? "–" : `${number(Math.round(value))} MB`);

const COLUMNS = [
  {
    key: "name",
    title: "Name",
    wide: true,
    cell: (row) => personCell(row),
  },
  { key: "activity", title: "Activity", cell: (row) => [activityBadge(row), row.blocked && [" ", badge("suspended", "Blocked")]] },
  { key: "last", title: "Last activity", cell: (row) => day(row.lastActivity) },
  { key: "days", title: "Days", numeric: true, cell: (row) => (row.daysSinceLastActivity === null ? "–" : number(row.daysSinceLastActivity)) },
  { key: "licenses", title: "Licenses", wide: true, cell: (row) => row.licenses.join(", ") || "None" },
  { key: "mailbox", title: "Mailbox", numeric: true, cell: (row) => megabytes(row.mailboxMb) },
  { key: "oneDrive", title: "OneDrive", numeric: true, cell: (row) => megabytes(row.oneDriveMb) },
  { key: "platforms", title: "Platforms", cell: (row) => PLATFORMS.filter((name) => row[name]).map(words).join(", ") || "–" },
];
