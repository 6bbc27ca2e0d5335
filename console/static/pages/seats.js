// Seats that save money: wasted ones, overlaps, and those for which a cheaper license would do.

import { page } from "../api.js";
import { choices, command, commandBar, filterBar, filterSelect, heading, reload } from "../controls.js";
import { h, replace } from "../dom.js";
import { money, words } from "../format.js";
import { portalFilter } from "../names.js";
import { personCell, personName } from "../persons.js";
import { address } from "../router.js";
import { savingsTabs } from "../savings_tabs.js";
import { empty, failed, fillLater } from "../states.js";
import { serverTable } from "../table.js";

const A_PAGE = 100;

const LISTS = {
  waste: {
    filter: ["Cause", "cause", ["blocked", "duplicate", "inactive"]],
    columns: [
      { key: "cause", title: "Why", cell: (row) => [words(row.cause), row.coveredByTitle && `: has ${row.coveredByTitle}`] },
    ],
  },
  overlap: {
    filter: ["Kind", "kind", ["duplicate", "tidy_up"]],
    columns: [
      { key: "kind", title: "Kind", cell: (row) => words(row.kind) },
      { key: "covered", title: "Covered by", wide: true, cell: (row) => row.coveredByTitle },
    ],
  },
  "right-sizing": {
    filter: null,
    columns: [
      { key: "cheaper", title: "Cheaper license", wide: true, cell: (row) => row.cheaperTitle ?? row.cheaperSkuId },
      { key: "lost", title: "Would be lost", wide: true, cell: (row) => row.lostServices.map(words).join(", ") || "Nothing in use" },
    ],
  },
};

/** Shows one of the lists; portal, license and cause are filters. */
export function show(main, { segments, query, signal }) {
  const kind = segments[1];
  const listed = LISTS[kind];
  if (!listed) {
    replace(main, failed({ status: 404, message: "The console has no view at this address." }));
    return;
  }
  const bar = h("div");
  const list = h("div");
  replace(
    main,
    heading("Savings"),
    commandBar(command("refresh", "Refresh", () => reload())),
    bar,
    filterBar(
      portalFilter(query.get("portal"), signal),
      listed.filter && filterSelect(listed.filter[0], listed.filter[1], choices(listed.filter[2]), query.get(listed.filter[1])),
    ),
    list,
  );
  fillLater(bar, signal, () => savingsTabs(kind));
  fillLater(list, signal, async () => {
    const filters = {
      portalId: query.get("portal"),
      skuId: query.get("sku"),
      ...(listed.filter ? { [listed.filter[1]]: query.get(listed.filter[1]) } : {}),
    };
    const found = await page(`/spend/${kind}`, { ...filters, top: A_PAGE, continuation: query.get("at") }, { signal });
    if (!found.rows.length && !found.continuation) {
      return empty("Nothing found", "No seat falls under this. Figures come with each recalculation, activity with the usage tasks.");
    }
    return serverTable({ label: words(kind), columns: [...SEAT, ...listed.columns, SAVING], ...found });
  });
}

const SEAT = [
  {
    key: "contact",
    title: "Contact",
    wide: true,
    cell: (row) => personCell(row, { name: row.userPrincipalName === null ? "Gone since" : personName(row) }),
  },
  { key: "department", title: "Department", cell: (row) => row.department },
  {
    key: "title",
    title: "License",
    wide: true,
    cell: (row) => h("a", { href: address(["licenses", row.portalId, row.skuId]) }, row.title),
  },
  { key: "path", title: "Path", cell: (row) => words(row.path) },
];

const SAVING = { key: "saving", title: "Saves a year", numeric: true, cell: (row) => money(row.saving, row.currency) };
