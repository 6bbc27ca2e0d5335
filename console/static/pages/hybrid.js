// Installations: cloud licenses of a product family beside what is installed and activated.

import { page } from "../api.js";
import { command, commandBar, filterBar, heading, reload } from "../controls.js";
import { h, replace } from "../dom.js";
import { moment, number, words } from "../format.js";
import { portalFilter } from "../names.js";
import { savingsTabs } from "../savings_tabs.js";
import { empty, fillLater } from "../states.js";
import { serverTable } from "../table.js";

const A_PAGE = 100;

/** Shows the page; the portal is a filter. */
export function show(main, { query, signal }) {
  const bar = h("div");
  const list = h("div");
  replace(
    main,
    heading("Savings", [], "Contacts by product family; without activations and devices the position is unknown."),
    commandBar(command("refresh", "Refresh", () => reload())),
    bar,
    filterBar(portalFilter(query.get("portal"), signal)),
    list,
  );
  fillLater(bar, signal, () => savingsTabs("installations"));
  fillLater(list, signal, async () => {
    const filters = { portalId: query.get("portal"), top: A_PAGE, continuation: query.get("at") };
    const found = await page("/usage/hybrid", filters, { signal });
    if (!found.rows.length && !found.continuation) {
      return empty("Nothing known yet", "Switch the tasks Roster and Devices on in a portal's tab General, then read usage.");
    }
    return serverTable({ label: "Installations", columns: COLUMNS, ...found });
  });
}

const contacts = (key, title) => ({ key, title, numeric: true, cell: (row) => number(row[key]) });

const COLUMNS = [
  { key: "portal", title: "Portal", cell: (row) => row.portalName },
  { key: "family", title: "Product family", cell: (row) => words(row.family) },
  contacts("entitledActivated", "Activated"),
  contacts("entitledInstalled", "Installed only"),
  contacts("entitledNotInstalled", "Not installed"),
  contacts("installedNotEntitled", "Not entitled"),
  contacts("unknown", "Unknown"),
  contacts("atDeviceLimit", "At the device limit"),
  { key: "asOf", title: "As of", cell: (row) => moment(row.asOf) },
];
