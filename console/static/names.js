// Names behind IDs: portals for filters, license titles for contacts; asked for once a view.

import { all } from "./api.js";
import { filterSelect } from "./controls.js";
import { h, replace } from "./dom.js";

const MAX_PORTALS = 10_000;

/** The portals as [[id, name], …], by name. */
export async function portalNames(signal) {
  const { rows } = await all("/portals", {}, { signal, limit: MAX_PORTALS });
  const named = rows.map((portal) => [portal.portalId, portal.name]);
  return named.sort(([, one], [, other]) => one.localeCompare(other));
}

/** A filter by portal; the names arrive later, so that the other filters need not wait. */
export function portalFilter(chosen, signal, names = portalNames(signal)) {
  const known = chosen ? [[chosen, "…"]] : [];
  const filter = filterSelect("Portal", "portal", [["", "All"], ...known], chosen);
  names
    .then((named) => {
      const options = [["", "All"], ...named];
      replace(
        filter.querySelector("select"),
        options.map(([value, text]) => h("option", { value, selected: value === (chosen ?? "") }, text)),
      );
    })
    // the list beside it tells what is wrong
    .catch(() => {});
  return filter;
}

/** The titles of the licenses of some portals: a function of portal ID and SKU ID. */
export async function licenseTitles(portalIds, signal) {
  const titles = new Map();
  await Promise.all(
    [...new Set(portalIds)].map(async (portalId) => {
      const { rows } = await all("/licenses", { portalId }, { signal });
      for (const row of rows) titles.set(`${portalId} ${row.skuId}`, row.title);
    }),
  );
  return (portalId, skuId) => titles.get(`${portalId} ${skuId}`) ?? skuId;
}
