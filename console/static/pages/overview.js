// Overview: am I all right, what is wrong, what do I do first.

import { all, get, offers, page } from "../api.js";
import { distribution, sparkline } from "../charts.js";
import { badge, command, commandBar, goTo, heading, reload, section } from "../controls.js";
import { h, replace } from "../dom.js";
import { count, day, moment, money, number, relative, words } from "../format.js";
import { address } from "../router.js";
import { empty, fillLater, message } from "../states.js";

const URGENT = ["under_licensed", "suspended", "cannot_be_synchronized", "expiring"];
const ORDER = [...URGENT, "over_licensed", "compliant", "not_calculable"];
const FIRST = 6;
const TREND_DAYS = 30;
const RENEWAL_DAYS = 90;

/** Shows the page. */
export function show(main, { signal }) {
  const verdict = h("div", { class: "verdict-place" });
  const first = h("div");
  const renewals = h("div");
  const runs = h("div");
  const spend = h("div");
  replace(
    main,
    heading("Overview"),
    commandBar(
      command("refresh", "Refresh", () => reload()),
      goTo("plus", "Add portal", ["portals", "new"]),
      goTo("compliance", "Recalculate", ["compliance"]),
    ),
    verdict,
    h(
      "div",
      { class: "columns" },
      h("div", { class: "column-wide" }, section("What to do first", first)),
      h("div", { class: "column" }, spend, section("Next renewals", renewals), section("Last runs", runs)),
    ),
  );
  const urgent = Promise.all(URGENT.map((status) => page("/compliance", { status, top: 50 }, { signal })));
  const portals = all("/portals", {}, { signal, limit: 2000 });
  // each place reports its own failure; none may be left unheard
  urgent.catch(() => {});
  portals.catch(() => {});
  fillLater(verdict, signal, async () => summaryView(await get("/compliance/summary", {}, signal), (await portals).rows));
  fillLater(first, signal, async () => firstView(await urgent, (await portals).rows, signal));
  fillLater(renewals, signal, async () => {
    if (await offers("/spend/renewals")) {
      return renewalsView((await page("/spend/renewals", { days: RENEWAL_DAYS, top: FIRST }, { signal })).rows);
    }
    const expiring = (await urgent)[URGENT.indexOf("expiring")].rows;
    return renewalsView(expiring.filter((row) => row.nextLifecycleAt).map((row) => ({ ...row, on: row.nextLifecycleAt })));
  });
  fillLater(spend, signal, async () => {
    if (!(await offers("/spend/summary"))) return null;
    return section("Spend and waste", spendView(await get("/spend/summary", {}, signal)));
  });
  fillLater(runs, signal, async () => runsView(await page("/runs", { top: FIRST }, { signal })));
}

function summaryView(summary, portals) {
  if (!portals.length && !summary.licenses) {
    return empty(
      "No tenant is connected yet",
      "A portal connects one Microsoft 365 tenant. Add one, and its licenses appear here after the first import.",
      h("a", { class: "button button-primary", href: address(["portals", "new"]) }, "Add portal"),
    );
  }
  const licenses = (status) => summary.statuses[status] ?? 0;
  const wrong = URGENT.reduce((sum, status) => sum + licenses(status), 0);
  const broken = portals.filter((portal) => portal.lastTest.state === "failed").length;
  return [
    h(
      "p",
      { class: `verdict ${wrong || broken ? "verdict-attention" : "verdict-good"}` },
      wrong || broken ? attention(wrong, broken) : "All licenses are in order.",
      h("span", { class: "quiet" }, summary.calculatedAt ? [" Calculated ", relative(summary.calculatedAt), "."] : " Not calculated yet."),
    ),
    distribution(ORDER.map((status) => [status, licenses(status)]), "Licenses by status"),
    h(
      "ul",
      { class: "tiles" },
      ORDER.map((status) => tile(status, licenses(status), units(status, summary))),
    ),
  ];
}

function attention(wrong, broken) {
  const parts = [];
  if (wrong) parts.push(`${count(wrong, "license")} ${wrong === 1 ? "needs" : "need"} attention`);
  if (broken) parts.push(`${count(broken, "portal")} ${broken === 1 ? "fails" : "fail"} to connect`);
  return `${parts.join("; ")}.`;
}

function units(status, summary) {
  if (status === "under_licensed") return `${count(summary.shortfall, "seat")} short`;
  if (status === "over_licensed") return `${count(summary.spare, "seat")} spare`;
  return null;
}

function tile(status, licenses, note) {
  return h(
    "li",
    {},
    h(
      "a",
      { class: `tile tile-${status}`, href: address(["compliance"], { status }) },
      h("span", { class: "tile-count" }, number(licenses)),
      h("span", { class: "tile-label" }, words(status)),
      note && h("span", { class: "quiet" }, note),
    ),
  );
}

function firstView(lists, portals, signal) {
  const broken = portals.filter((portal) => portal.lastTest.state === "failed").map((portal) => () => portalItem(portal));
  const expiring = portals.filter((portal) => portal.credential.expiring).map((portal) => () => credentialItem(portal));
  const positions = lists
    .flatMap((list) => list.rows)
    .sort((one, other) => severity(one) - severity(other))
    .map((position) => () => positionItem(position, signal));
  const items = [...broken, ...expiring, ...positions];
  if (!items.length) return message("success", "Nothing needs you now.");
  const more = lists.some((list) => list.continuation) || items.length > FIRST;
  return [
    h("ol", { class: "todo" }, items.slice(0, FIRST).map((make) => make())),
    more && h("p", {}, h("a", { href: address(["compliance"]) }, "All positions")),
  ];
}

// shortages by size, then in the order of the statuses
const severity = (position) => URGENT.indexOf(position.status) * 1e9 + position.available;

function item(sign, title, href, text, remedy, extra = null) {
  return h(
    "li",
    { class: "todo-item" },
    h("div", { class: "todo-head" }, sign, h("a", { href }, title), extra),
    text && h("p", { class: "quiet" }, text),
    h("p", {}, remedy),
  );
}

function portalItem(portal) {
  const step = portal.lastTest.steps.find((each) => each.state === "failed");
  const href = address(["portals", portal.portalId, "connection"]);
  return item(badge("failed", "Connection fails"), portal.name, href, step?.message, step?.remedy ?? "Test the connection again.");
}

function credentialItem(portal) {
  const { kind, expiresAt } = portal.credential;
  const href = address(["portals", portal.portalId, "connection"]);
  return item(
    badge("expiring", "Credential expires"),
    portal.name,
    href,
    [`${words(kind)}, valid until `, day(expiresAt)],
    "Create a new one in Entra and store it here.",
  );
}

function positionItem(position, signal) {
  const { portalId, skuId } = position;
  const trend = h("span", { class: "trend" });
  // decoration: without a history there is simply no line
  get("/compliance/history", { portalId, skuId, top: TREND_DAYS }, signal)
    .then(({ value }) => {
      if (value.length < 2) return;
      const values = value.map((each) => each.available).reverse();
      replace(trend, sparkline(values, `Available over ${value.length} days`));
    })
    .catch(() => {});
  return item(
    badge(position.status),
    position.title,
    address(["licenses", portalId, skuId]),
    `${position.portalName}: ${number(position.consumed)} of ${number(position.entitled)} consumed`,
    position.remedy,
    trend,
  );
}

function renewalsView(rows) {
  const due = rows.toSorted((one, other) => one.on.localeCompare(other.on));
  if (!due.length) return h("p", { class: "quiet" }, "Nothing ends or renews soon.");
  return h(
    "ul",
    { class: "plain" },
    due.slice(0, FIRST).map((row) =>
      h(
        "li",
        { class: "line" },
        h("a", { href: address(["licenses", row.portalId, row.skuId]) }, row.title),
        h(
          "span",
          { class: "quiet" },
          `${row.portalName} · `,
          row.units > 0 && `${count(row.units, "license")} ${row.kind === "contract_end" ? "by contract" : "by subscription"} · `,
          day(row.on),
          ` (`,
          relative(row.on),
          ")",
        ),
      ),
    ),
  );
}

function spendView(summary) {
  if (!summary.currencies.length) {
    return h("p", { class: "quiet" }, "Not known: enter what is paid for a license at the license itself.");
  }
  return [
    h(
      "ul",
      { class: "plain" },
      summary.currencies.map((totals) =>
        h(
          "li",
          { class: "line" },
          h("a", { href: address(["savings"]) }, `${money(totals.annualSpend, totals.currency)} a year`),
          totals.waste && h("span", { class: "quiet" }, `${money(totals.waste.total.annual, totals.currency)} of it wasted, ${count(totals.waste.total.seats, "seat")}`),
        ),
      ),
    ),
    summary.unpriced > 0 && h("p", { class: "quiet" }, `${count(summary.unpriced, "license")} without a price.`),
  ];
}

function runsView({ rows }) {
  if (!rows.length) return h("p", { class: "quiet" }, "Nothing has run yet.");
  return h(
    "ul",
    { class: "plain" },
    rows.map((run) =>
      h(
        "li",
        { class: "line" },
        h(
          "span",
          { class: "line-head" },
          badge(run.state),
          h("a", { href: address(["monitor", run.runId]) }, words(run.task)),
        ),
        h("span", { class: "quiet" }, run.portalName ?? (run.childCount ? count(run.childCount, "portal") : ""), " · ", moment(run.createdAt)),
      ),
    ),
  );
}
