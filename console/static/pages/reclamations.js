// Reclamations: previews and what became of them, newest first.

import { page } from "../api.js";
import { badge, command, commandBar, filterBar, goTo, heading, reload } from "../controls.js";
import { h, replace } from "../dom.js";
import { moment, number, words } from "../format.js";
import { portalFilter } from "../names.js";
import { savingsText } from "../reclaiming.js";
import { address } from "../router.js";
import { savingsTabs } from "../savings_tabs.js";
import { empty, fillLater } from "../states.js";
import { serverTable } from "../table.js";

const A_PAGE = 50;

/** Shows the page; the portal is a filter. */
export function show(main, { query, signal }) {
  const bar = h("div");
  const list = h("div");
  replace(
    main,
    heading("Savings", [], "A preview says who would lose which license; only executing it changes the tenant."),
    commandBar(goTo("plus", "New preview", ["savings", "reclamations", "new"]), command("refresh", "Refresh", () => reload())),
    bar,
    filterBar(portalFilter(query.get("portal"), signal)),
    list,
  );
  fillLater(bar, signal, () => savingsTabs("reclamations"));
  fillLater(list, signal, async () => {
    const filters = { portalId: query.get("portal"), top: A_PAGE, continuation: query.get("at") };
    const found = await page("/reclamations", filters, { signal });
    if (!found.rows.length && !found.continuation) {
      return empty("No reclamations yet", "Make a preview for a portal that allows it (its tab General).");
    }
    return serverTable({ label: "Reclamations", columns: COLUMNS, ...found });
  });
}

const COLUMNS = [
  {
    key: "portal",
    title: "Portal",
    cell: (row) => h("a", { href: address(["savings", "reclamations", row.reclamationId]) }, row.portalName),
  },
  { key: "state", title: "State", cell: (row) => badge(row.state) },
  {
    key: "account",
    title: "Licenses",
    wide: true,
    cell: (row) => Object.entries(row.account).map(([state, units]) => `${number(units)} ${words(state).toLowerCase()}`).join(", ") || "None",
  },
  { key: "saving", title: "Saves a year", cell: (row) => savingsText(row) },
  { key: "by", title: "Previewed by", cell: (row) => row.previewedBy },
  { key: "created", title: "Created", cell: (row) => moment(row.createdAt) },
];
