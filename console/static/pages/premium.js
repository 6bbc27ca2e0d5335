// Premium features: how many use those of Entra ID P1 and P2, beside the licenses for them.

import { page } from "../api.js";
import { badge, command, commandBar, filterBar, heading, reload } from "../controls.js";
import { h, replace } from "../dom.js";
import { downloads } from "../downloads.js";
import { count, moment, number } from "../format.js";
import { portalFilter } from "../names.js";
import { peopleTabs } from "../people_tabs.js";
import { address } from "../router.js";
import { empty, fillLater } from "../states.js";
import { serverTable } from "../table.js";

const A_PAGE = 100;
const POLICIES = { p1: "Conditional Access", p2: "Conditional Access by risk" };
const LICENSES = { p1: "P1 or P2", p2: "P2" };

/** Shows the page; the portal is a filter. */
export function show(main, { query, signal }) {
  const portalId = query.get("portal");
  const bar = h("div");
  const list = h("div");
  replace(
    main,
    heading("People", [], "Conditional Access protects by Entra ID P1, by risk with P2. Guests are paid for by use and need no license."),
    commandBar(
      command("refresh", "Refresh", () => reload()),
      downloads("/usage/premium", { portalId }),
    ),
    bar,
    filterBar(portalFilter(portalId, signal)),
    list,
  );
  fillLater(bar, signal, () => peopleTabs("premium"));
  fillLater(list, signal, async () => {
    const found = await page("/usage/premium", { portalId, top: A_PAGE, continuation: query.get("at") }, { signal });
    if (!found.rows.length && !found.continuation) {
      return empty(
        "Nothing known yet",
        "Switch the task Access on in a portal's tab General, then read usage. Tenants without licenses for Entra ID P1 or P2 tell nothing.",
      );
    }
    return serverTable({ label: "Premium features", columns: COLUMNS, ...found });
  });
}

const people = (key, title) => ({ key, title, numeric: true, cell: (row) => number(row[key]) });

const COLUMNS = [
  {
    key: "title",
    title: "Features of",
    wide: true,
    cell: (row) => [
      row.title,
      h("a", { class: "small block", href: address(["portals", row.portalId]) }, row.portalName),
    ],
  },
  {
    key: "state",
    title: "State",
    cell: (row) => (row.beyond ? badge("under_licensed", "Used beyond") : badge("compliant", "Licensed")),
  },
  people("entitled", "Licenses"),
  people("users", "Users"),
  people("beyond", "Without a license"),
  people("guests", "Guests"),
  { key: "remedy", title: "What helps", wide: true, cell: (row) => remedy(row) },
  { key: "asOf", title: "As of", cell: (row) => moment(row.asOf) },
];

function remedy({ beyond, level }) {
  if (!beyond) return "Nothing is needed.";
  return `Buy ${count(beyond, "license")} that ${beyond === 1 ? "includes" : "include"} Entra ID ${LICENSES[level]}, or leave ${count(beyond, "user")} out of the policies of ${POLICIES[level]}.`;
}
