// One license: its position and why, its history, the consumers behind it and how they got it.

import { call, get, offers, page } from "../api.js";
import { badge, command, commandBar, essentials, goTo, heading, reload, section } from "../controls.js";
import { ask, notify } from "../dialog.js";
import { h, replace } from "../dom.js";
import { count, day, moment, number, relative, words } from "../format.js";
import { licenseHistory } from "../history.js";
import { licenseExtras } from "../license_extras.js";
import { askToMove } from "../move_product.js";
import { personCell } from "../persons.js";
import { address, go } from "../router.js";
import { empty, fillLater, message } from "../states.js";
import { serverTable } from "../table.js";

const CONSUMERS_A_PAGE = 50;

/** Shows the page of segments licenses/portal/SKU. */
export function show(main, { segments, query, signal }) {
  const [, portalId, skuId] = segments;
  const key = `${portalId}/${skuId}`;
  const title = h("div");
  const about = h("div");
  const history = h("div");
  const consumers = h("div");
  const more = h("div");
  replace(
    main,
    title,
    about,
    section("History", history),
    more,
    section("Consumers", consumers),
  );
  replace(title, heading("License", [["Licenses and products", ["licenses"]]]));
  fillLater(about, signal, async () => {
    const [license, product, position, compares] = await Promise.all([
      get(`/licenses/${key}`, {}, signal),
      get(`/products/${key}`, {}, signal),
      orNull(get(`/compliance/${key}`, {}, signal)),
      offers("/spend/what-if"),
    ]);
    replace(title, heading(license.title, [["Licenses and products", ["licenses"]]], product.name));
    document.title = `${license.title} · Ledger365`;
    return aboutView(license, product, position, compares);
  });
  fillLater(history, signal, () => licenseHistory(portalId, skuId, signal));
  fillLater(more, signal, () => licenseExtras(portalId, skuId, signal));
  fillLater(consumers, signal, async () =>
    consumersView(await page(`/licenses/${key}/consumers`, { top: CONSUMERS_A_PAGE, continuation: query.get("at") }, { signal })),
  );
}

async function orNull(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

function aboutView(license, product, position, compares) {
  return [
    commandBar(
      command("refresh", "Refresh", () => reload()),
      command("move", "Move", async () => {
        const { value } = await get("/directories");
        const paths = (nodes) => nodes.flatMap((node) => [node.path, ...paths(node.directories)]);
        askToMove(product, paths(value));
      }),
      compares && goTo("savings", "What if", ["savings", "what-if"], { portal: license.portalId, sku: license.skuId }),
      position?.status === "cannot_be_synchronized" &&
        command("delete", "Delete", () => deleteLicense(license)),
    ),
    position && statusView(position),
    essentials([
      ["Portal", h("a", { href: address(["portals", license.portalId]) }, position?.portalName ?? license.portalId)],
      ["Part number", h("code", {}, license.skuPartNumber)],
      ["Directory", h("a", { href: address(["licenses"], { directory: product.directory }) }, product.directory)],
      ["Capability status", license.capabilityStatus],
      ["Entitled", number(position?.entitled ?? license.entitled)],
      ["Consumed", position && number(position.consumed)],
      ["Available", position && number(position.available)],
      ["Warning, suspended, locked out", [license.warningUnits, license.suspendedUnits, license.lockedOutUnits].map(number).join(", ")],
      ["Counted by Microsoft", number(license.consumedUnits)],
      ["Imported", moment(license.importedAt)],
    ]),
    position && countsView(position),
    license.subscriptions.length > 0 && section("Subscriptions", subscriptionsView(license.subscriptions)),
    license.groups.length > 0 &&
      section("Groups that assign it", h("ul", { class: "chips" }, license.groups.map((group) => h("li", {}, group.displayName)))),
    h(
      "details",
      {},
      h("summary", {}, `Service plans (${number(license.servicePlans.length)})`),
      h("ul", { class: "chips" }, license.servicePlans.map((plan) => h("li", {}, plan.name))),
    ),
  ];
}

function statusView(position) {
  const tone = { compliant: "success", over_licensed: "info", not_calculable: "info" }[position.status] ?? "warning";
  return message(
    tone,
    h("p", {}, badge(position.status), position.reason && h("strong", {}, ` ${words(position.reason)}`)),
    h("p", {}, position.remedy),
  );
}

function countsView({ counts, differences }) {
  const told = [
    ["with an error though active", counts.withError],
    ["in error", counts.inError],
    ["disabled", counts.disabled],
    ["of blocked contacts", counts.blocked],
  ].filter(([, units]) => units > 0);
  if (!told.length && !differences.length) return null;
  return section(
    "Behind the numbers",
    h(
      "ul",
      { class: "bullets" },
      told.map(([what, units]) => h("li", {}, `${count(units, "assignment")} ${what}`)),
      differences.map((each) => h("li", {}, `${each.units > 0 ? "+" : ""}${number(each.units)} in Microsoft's count: ${each.explanation}`)),
    ),
  );
}

function subscriptionsView(subscriptions) {
  return h(
    "ul",
    { class: "cards" },
    subscriptions.map((each) =>
      h(
        "li",
        { class: "card" },
        h("strong", {}, `${number(each.totalLicenses)} licenses, ${words(each.term).toLowerCase()}`),
        each.isTrial && badge("warning", "Trial"),
        h("p", { class: "quiet" }, `${words(each.status)}, ${each.owner === "partner" ? "by a partner" : "direct"}`),
        h("p", { class: "quiet" }, each.nextLifecycleAt ? ["Until ", day(each.nextLifecycleAt), " (", relative(each.nextLifecycleAt), ")"] : "Without an end date"),
      ),
    ),
  );
}

function consumersView({ rows, continuation }) {
  if (!rows.length && !continuation) return empty("No consumers", "No contact holds this license.");
  return serverTable({
    label: "Consumers",
    rows,
    continuation,
    columns: [
      {
        key: "name",
        title: "Contact",
        wide: true,
        cell: (row) => personCell(row),
      },
      { key: "kind", title: "Kind", cell: (row) => [words(row.kind), row.blocked && [" ", badge("suspended", "Blocked")]] },
      { key: "path", title: "Path", cell: (row) => pathText(row) },
      { key: "state", title: "State", cell: (row) => stateCell(row) },
      { key: "consumes", title: "Uses a seat", cell: (row) => (row.consumes ? "Yes" : "No") },
    ],
  });
}

function pathText(row) {
  const groups = row.paths.map((path) => path.groupName ?? path.groupId).filter(Boolean);
  return groups.length ? `${words(row.path)}: ${groups.join(", ")}` : words(row.path);
}

function stateCell(row) {
  const good = row.state === "Active" && !row.errors.length;
  return [badge(good ? "Succeeded" : "warning", words(row.state)), row.errors.length > 0 && ` ${row.errors.map(words).join(", ")}`];
}

async function deleteLicense(license) {
  const yes = await ask({
    title: `Delete ${license.title}?`,
    content: h("p", {}, "The license, its product, its consumers and its position are deleted from the ledger; its history stays. Nothing changes in the tenant."),
    label: "Delete",
    danger: true,
    confirm: async () => {
      await call("DELETE", `/licenses/${license.portalId}/${license.skuId}`);
      return true;
    },
  });
  if (!yes) return;
  notify("success", `${license.title} was deleted from the ledger.`);
  go(["licenses"]);
}
