// Portals: the list at left, the chosen portal at right.

import { all } from "../api.js";
import { badge, command, commandBar, filterSearch, goTo, heading, reload } from "../controls.js";
import { h, replace } from "../dom.js";
import { address, here } from "../router.js";
import { empty, fillLater } from "../states.js";
import { showPortal } from "./portal.js";

const MAX_PORTALS = 10_000;

/** Shows the page; the segments name a portal and one of its tabs. */
export function show(main, { segments, query, signal }) {
  const [, portalId, tab = "general"] = segments;
  const list = h("div", { class: "master-list" });
  const details = h("div", { class: "details" });
  replace(
    main,
    heading("Portals", [], "Each portal connects one Microsoft 365 tenant."),
    commandBar(goTo("plus", "Add portal", ["portals", "new"]), command("refresh", "Refresh", () => reload())),
    h(
      "div",
      { class: `master-details ${portalId ? "has-details" : ""}` },
      h(
        "div",
        { class: "master" },
        filterSearch("Search portals", "search", query.get("search")),
        list,
      ),
      details,
    ),
  );
  const refill = () =>
    fillLater(list, signal, async () => {
      const { rows } = await all("/portals", {}, { signal, limit: MAX_PORTALS });
      return listView(rows, portalId, query.get("search") ?? "");
    }, "Loading portals");
  refill();
  if (portalId) {
    showPortal(details, { portalId, tab, signal, onTested: refill });
  } else {
    replace(details, empty("No portal is chosen", "Choose one at left to see and change it."));
  }
}

function listView(portals, chosen, search) {
  if (!portals.length) {
    return empty(
      "No portals yet",
      "Connect a Microsoft 365 tenant to import its licenses.",
      h("a", { class: "button button-primary", href: address(["portals", "new"]) }, "Add portal"),
    );
  }
  const needle = search.toLocaleLowerCase();
  const found = portals
    .filter((portal) => [portal.name, portal.tenantId, portal.description].some((text) => text.toLocaleLowerCase().includes(needle)))
    .sort((one, other) => one.name.localeCompare(other.name));
  if (!found.length) return empty("Nothing found", "No portal has this in its name, tenant ID or description.");
  const { query } = here();
  return h(
    "ul",
    { class: "master-items" },
    found.map((portal) =>
      h(
        "li",
        {},
        h(
          "a",
          {
            class: "master-item",
            href: address(["portals", portal.portalId], query),
            "aria-current": portal.portalId === chosen ? "true" : null,
          },
          h("span", { class: "master-name" }, portal.name),
          portal.enabled ? badge(portal.lastTest.state) : badge("skipped", "Disabled"),
          portal.credential.expiring && badge("expiring", "Credential expires"),
        ),
      ),
    ),
  );
}
