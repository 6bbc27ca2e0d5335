// One run: how it goes on, its log, the error with its remedy, and another try.

import { call } from "../api.js";
import { badge, busy, command, commandBar, essentials, heading, section } from "../controls.js";
import { notifyError } from "../dialog.js";
import { h, replace } from "../dom.js";
import { clock, duration, microsoftSays, moment, number, words } from "../format.js";
import { address, go } from "../router.js";
import { ended, follow } from "../runs.js";
import { failed, loading, message, refresh } from "../states.js";

/** Shows the page of segments monitor/run, and follows the run to its end. */
export function show(main, { segments, signal }) {
  const [, runId] = segments;
  const title = h("div", {}, heading("Run", [["Monitor", ["monitor"]]]));
  const content = h("div", {}, loading("Loading the run"));
  replace(main, title, content);
  let shown = null;
  follow(
    runId,
    (run) => {
      const seen = JSON.stringify(run);
      if (seen === shown) return;
      if (shown === null) {
        replace(title, heading(words(run.task), [["Monitor", ["monitor"]]], run.portalName));
        document.title = `${words(run.task)} · Ledger365`;
      }
      shown = seen;
      refresh(content, runView(run));
    },
    signal,
  ).catch((error) => {
    if (error.name !== "AbortError") replace(content, failed(error, () => show(main, { segments, signal })));
  });
}

function runView(run) {
  const again = retry(run);
  return [
    commandBar(
      ended(run) && again && command("refresh", "Retry", (event) => busy(event.currentTarget, again, notifyError)),
      run.portalId && command("portals", "Show portal", () => go(["portals", run.portalId])),
    ),
    run.error && errorView(run.error),
    essentials([
      ["State", badge(run.state)],
      ["Started by", [words(run.trigger), run.requestedBy && `, ${run.requestedBy}`]],
      ["Created", moment(run.createdAt)],
      ["Started", moment(run.startedAt)],
      ["Ended", moment(run.finishedAt)],
      ["Duration", duration(run.startedAt, run.finishedAt)],
      ["Attempts", number(run.attempts)],
      ["Part of", run.parentRunId && h("a", { href: address(["monitor", run.parentRunId]) }, "Another run")],
    ]),
    Object.keys(run.counts).length > 0 &&
      section(
        "Counts",
        h("ul", { class: "counts" }, Object.entries(run.counts).map(([name, count]) => h("li", {}, h("strong", {}, number(count)), " ", words(name)))),
      ),
    run.children.length > 0 && section("Runs it asked for", childrenView(run.children)),
    section("Log", logView(run.log)),
  ];
}

function errorView(error) {
  return message(
    "error",
    h("p", {}, error.message),
    h("p", {}, error.remedy),
    h("p", { class: "quiet small" }, [`Code ${error.code}`, error.microsoftCode && microsoftSays(error.microsoftCode, error.microsoftMessage), error.requestId && `request ${error.requestId}`].filter(Boolean).join(" · ")),
  );
}

function childrenView(children) {
  return h(
    "ul",
    { class: "plain" },
    children.map((child) =>
      h(
        "li",
        { class: "line" },
        h("span", { class: "line-head" }, badge(child.state), h("a", { href: address(["monitor", child.runId]) }, child.portalName ?? words(child.task))),
        child.error && h("span", { class: "quiet" }, child.error.message),
      ),
    ),
  );
}

function logView(lines) {
  if (!lines.length) return h("p", { class: "quiet" }, "Nothing is written yet.");
  return h(
    "ol",
    { class: "log", tabindex: "0", "aria-label": "Log lines" },
    lines.map((line) => h("li", { class: `log-${line.level}` }, clock(line.at), h("span", { class: "log-level" }, words(line.level)), h("span", {}, line.text))),
  );
}

/** What starts the same work again, for the portals that failed if it was over several. */
function retry(run) {
  const failures = run.children.filter((child) => child.error && child.portalId);
  const portalIds = run.portalId ? [run.portalId] : failures.map((child) => child.portalId);
  const body = portalIds.length ? { portalIds } : {};
  const ways = {
    import: () => start("/imports", body),
    usage: run.portalId && (() => start(`/portals/${run.portalId}/usage`)),
    recalculation: () => start("/compliance/recalculate", body),
    connection_test: async () => {
      await call("POST", `/portals/${run.portalId}/test`);
      go(["portals", run.portalId, "connection"]);
    },
  };
  return ways[run.task] ?? null;
}

async function start(path, body) {
  const { data } = await call("POST", path, { body });
  go(["monitor", data.runId]);
}
