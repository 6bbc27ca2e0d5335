// One reclamation, from preview to audit to undo.

import { call, get, page } from "../api.js";
import { badge, busy, choices, command, commandBar, essentials, filterBar, filterSelect, heading, reload, section } from "../controls.js";
import { ask, notify, notifyError } from "../dialog.js";
import { h, replace } from "../dom.js";
import { count, day, moment, money, number, words } from "../format.js";
import { personCell } from "../persons.js";
import { savingsText } from "../reclaiming.js";
import { address } from "../router.js";
import { showProgress } from "../runs.js";
import { empty, fillLater, message } from "../states.js";
import { serverTable } from "../table.js";

const A_PAGE = 50;
const AUDIT_LINES = 200;
const STATES = ["planned", "inherited", "reclaimed", "skipped", "failed", "restored", "not_restored"];
const UNDOABLE = ["executed", "stopped", "undone"];

/** Shows the page of segments savings/reclamations/ID; the state of items is a filter. */
export function show(main, { segments, query, signal }) {
  const path = `/reclamations/${segments[2]}`;
  const title = h("div", {}, heading("Reclamation", [["Savings", ["savings", "reclamations"]]]));
  const live = h("div", { class: "live", "aria-live": "polite" });
  const about = h("div");
  const audit = h("div");
  replace(main, title, live, about, section("Audit", audit));
  fillLater(about, signal, async () => {
    const filters = { state: query.get("state"), top: A_PAGE, continuation: query.get("at") };
    const { reclamation, value, continuation } = await get(path, filters, signal);
    replace(title, heading(`Reclamation of ${reclamation.portalName}`, [["Savings", ["savings", "reclamations"]]]));
    document.title = `Reclamation · Ledger365`;
    return [
      commandsView(reclamation, path, live, signal),
      reclamationView(reclamation),
      section(
        "Licenses",
        filterBar(filterSelect("State", "state", choices(STATES), query.get("state"))),
        itemsView(reclamation, value, continuation),
      ),
    ];
  });
  fillLater(audit, signal, async () => auditView(await page(`${path}/audit`, { top: AUDIT_LINES }, { signal })));
}

function commandsView(reclamation, path, live, signal) {
  const follow = async (button, method) =>
    busy(
      button,
      async () => {
        const { hash } = location;
        const { data } = await method();
        const run = await showProgress(live, data.runId, signal);
        notify(run.state === "Succeeded" ? "success" : "error", `The reclamation has ended: ${words(run.state).toLowerCase()}.`);
        reload(hash);
      },
      notifyError,
    );
  const planned = reclamation.account.planned ?? 0;
  const taken = reclamation.account.reclaimed ?? 0;
  return commandBar(
    reclamation.state === "ready" &&
      planned > 0 &&
      command("play", "Execute", async (event) => {
        const button = event.currentTarget;
        const yes = await ask({
          title: `Take ${count(planned, "license")} back?`,
          content: h("p", {}, `The licenses are removed from the contacts in the tenant of ${reclamation.portalName}. Each contact is looked at again just before; you can undo it afterwards.`),
          label: "Execute",
          danger: true,
          confirm: async () => true,
        });
        if (yes) follow(button, () => call("POST", "/reclamations", { body: { previewId: reclamation.reclamationId } }));
      }),
    UNDOABLE.includes(reclamation.state) &&
      taken > 0 &&
      command("previous", "Undo", async (event) => {
        const button = event.currentTarget;
        const yes = await ask({
          title: `Give ${count(taken, "license")} back?`,
          content: h("p", {}, "Each license is assigned again, with the same plans disabled, as far as seats are free."),
          label: "Undo",
          confirm: async () => true,
        });
        if (yes) follow(button, () => call("POST", `${path}/undo`));
      }),
    command("refresh", "Refresh", () => reload()),
  );
}

function reclamationView(reclamation) {
  const { rule, exclusions } = reclamation;
  const means = [
    rule.inactiveDays && `inactive for more than ${count(rule.inactiveDays, "day")}`,
    rule.neverActive && "never active",
    rule.blocked && "blocked",
    rule.guest && "guests",
    rule.duplicate && "duplicates",
  ].filter(Boolean);
  const kept = [
    exclusions.contactIds.length && count(exclusions.contactIds.length, "contact"),
    exclusions.groupIds.length && count(exclusions.groupIds.length, "group"),
    exclusions.departments.length && `departments ${exclusions.departments.join(", ")}`,
  ].filter(Boolean);
  return [
    reclamation.unknownActivity > 0 &&
      message("info", h("p", {}, `${count(reclamation.unknownActivity, "contact")} left alone, since nothing is known of their activity.`)),
    essentials([
      ["State", badge(reclamation.state)],
      ["Takes from", means.join(", ")],
      ["Keeps", kept.join("; ") || "Nobody is excluded"],
      ["Licenses", Object.entries(reclamation.account).map(([state, units]) => `${number(units)} ${words(state).toLowerCase()}`).join(", ") || "None"],
      ["Saves a year", savingsText(reclamation)],
      ["Previewed", [moment(reclamation.createdAt), ` by ${reclamation.previewedBy}`]],
      ["Valid until", moment(reclamation.expiresAt)],
      ["Executed", reclamation.executedAt && [moment(reclamation.executedAt), ` by ${reclamation.executedBy}`]],
      ["Undone", reclamation.undoneAt && [moment(reclamation.undoneAt), ` by ${reclamation.undoneBy}`]],
      ["Runs", runLinks(reclamation)],
    ]),
  ];
}

function runLinks(reclamation) {
  return [
    ["Preview", reclamation.previewRunId],
    ["Execution", reclamation.executionRunId],
    ["Undo", reclamation.undoRunId],
  ]
    .filter(([, runId]) => runId)
    .map(([label, runId]) => [h("a", { href: address(["monitor", runId]) }, label), " "]);
}

function itemsView(reclamation, rows, continuation) {
  if (!rows.length && !continuation) return empty("No licenses", "Nobody meets the rule, or the filter leaves none.");
  const { portalId } = reclamation;
  return serverTable({
    label: "Licenses of the reclamation",
    rows,
    continuation,
    columns: [
      {
        key: "contact",
        title: "Contact",
        wide: true,
        cell: (row) => personCell(row, { portalId }),
      },
      { key: "license", title: "License", wide: true, cell: (row) => row.title },
      { key: "state", title: "State", cell: (row) => [badge(row.state), row.outcome && row.outcome !== row.state && h("span", { class: "small block" }, words(row.outcome))] },
      { key: "reasons", title: "Why", cell: (row) => row.reasons.map(words).join(", ") },
      {
        key: "path",
        title: "Path",
        cell: (row) => [words(row.path), row.groups.length > 0 && `: ${row.groups.map((group) => group.displayName ?? group.groupId).join(", ")}`],
      },
      { key: "activity", title: "Last activity", cell: (row) => day(row.lastActivity) },
      { key: "saving", title: "Saves a year", numeric: true, cell: (row) => money(row.yearlySaving, row.currency) },
    ],
  });
}

function auditView({ rows, continuation }) {
  if (!rows.length) return h("p", { class: "quiet" }, "Nothing was done to the tenant.");
  return [
    h(
      "ol",
      { class: "log", tabindex: "0", "aria-label": "Audit" },
      rows.map((entry) =>
        h("li", {}, moment(entry.at), h("span", { class: "log-level" }, words(entry.action)), h("span", {}, `${entry.title}, ${entry.userPrincipalName}, by ${entry.by}${entry.message ? `: ${entry.message}` : ""}`)),
      ),
    ),
    continuation && h("p", { class: "quiet" }, `The first ${number(rows.length)} lines; the API has all.`),
  ];
}
