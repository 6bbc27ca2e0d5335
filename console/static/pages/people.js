// People: the contacts of all tenants, paged by the server.

import { page } from "../api.js";
import { badge, busy, choices, command, commandBar, filterBar, filterSearch, filterSelect, heading, reload } from "../controls.js";
import { notifyError } from "../dialog.js";
import { h, replace } from "../dom.js";
import { downloads } from "../downloads.js";
import { askToLift } from "../erasures.js";
import { number, words } from "../format.js";
import { licenseTitles, portalFilter, portalNames } from "../names.js";
import { peopleTabs } from "../people_tabs.js";
import { personCell } from "../persons.js";
import { empty, fillLater } from "../states.js";
import { serverTable } from "../table.js";

const A_PAGE = 100;
const KINDS = ["member", "guest", "room"];
const TITLES_SHOWN = 3;

/** Shows the page; portal, kind, blocked and search are filters. */
export function show(main, { query, signal }) {
  const bar = h("div");
  const list = h("div");
  const portals = portalNames(signal);
  replace(
    main,
    heading("People", [], "Contacts are the users of your tenants."),
    commandBar(
      command("refresh", "Refresh", () => reload()),
      downloads("/contacts", {
        portalId: query.get("portal"),
        kind: query.get("kind"),
        blocked: query.get("blocked"),
        search: query.get("search"),
      }),
      command("previous", "Lift erasure", (event) => busy(event.currentTarget, async () => askToLift(await portals, query.get("portal")), notifyError)),
    ),
    bar,
    filterBar(
      filterSearch("Search people", "search", query.get("search")),
      portalFilter(query.get("portal"), signal, portals),
      filterSelect("Kind", "kind", choices(KINDS), query.get("kind")),
      filterSelect("Sign-in", "blocked", [["", "All"], ["false", "Allowed"], ["true", "Blocked"]], query.get("blocked")),
    ),
    list,
  );
  fillLater(bar, signal, () => peopleTabs("people"));
  fillLater(list, signal, async () => {
    const contacts = await page(
      "/contacts",
      {
        portalId: query.get("portal"),
        kind: query.get("kind"),
        blocked: query.get("blocked"),
        search: query.get("search"),
        top: A_PAGE,
        continuation: query.get("at"),
      },
      { signal },
    );
    const titles = await licenseTitles(contacts.rows.map((row) => row.portalId), signal);
    return contactsView(contacts, new Map(await portals), titles);
  }, "Loading people");
}

function contactsView({ rows, continuation }, portals, titles) {
  if (!rows.length && !continuation) {
    return empty("Nobody found", "Other filters may show someone; contacts appear with the first import.");
  }
  return serverTable({
    label: "People",
    rows,
    continuation,
    note: rows.length ? null : "None matched so far; go on to search further.",
    columns: [
      {
        key: "name",
        title: "Name",
        wide: true,
        cell: (row) => personCell(row),
      },
      { key: "portal", title: "Portal", cell: (row) => portals.get(row.portalId) ?? "Deleted portal" },
      { key: "kind", title: "Kind", cell: (row) => words(row.kind) },
      { key: "signIn", title: "Sign-in", cell: (row) => (row.blocked ? badge("suspended", "Blocked") : "Allowed") },
      { key: "department", title: "Department", cell: (row) => row.department },
      { key: "licenses", title: "Licenses", wide: true, cell: (row) => licensesText(row, titles) },
    ],
  });
}

function licensesText(row, titles) {
  const held = row.assignments.filter((each) => each.held).map((each) => titles(row.portalId, each.skuId));
  if (!held.length) return h("span", { class: "quiet" }, "None");
  const more = held.length - TITLES_SHOWN;
  return held.slice(0, TITLES_SHOWN).join(", ") + (more > 0 ? ` and ${number(more)} more` : "");
}
