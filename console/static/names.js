// Names behind IDs: portals for filters, license titles for contacts; asked for once a view.

import { all } from "./api.js";

const MAX_PORTALS = 10_000;

/** The portals as [[id, name], …] by name, with All first. */
export async function portalChoices(signal) {
  const { rows } = await all("/portals", {}, { signal, limit: MAX_PORTALS });
  const named = rows.map((portal) => [portal.portalId, portal.name]);
  named.sort(([, one], [, other]) => one.localeCompare(other));
  return [["", "All"], ...named];
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
