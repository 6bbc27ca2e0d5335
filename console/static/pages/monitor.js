// Monitor: the runs of all tasks, newest first; the list follows what is going on.

import { page } from "../api.js";
import { badge, choices, command, commandBar, filterBar, filterSelect, heading, reload } from "../controls.js";
import { h, replace } from "../dom.js";
import { count, duration, moment, words } from "../format.js";
import { portalFilter } from "../names.js";
import { address } from "../router.js";
import { ended, pause } from "../runs.js";
import { empty, fillLater, refresh } from "../states.js";
import { serverTable } from "../table.js";

const A_PAGE = 50;
const TASKS = ["connection_test", "import", "recalculation", "usage", "reclamation", "consolidation", "erasure"];
const STATES = ["Queued", "Running", "Succeeded", "PartiallySucceeded", "Failed"];
const WHILE_RUNNING_MS = 2000;
const WHILE_IDLE_MS = 15_000;

/** Shows the page; task, state and portal are filters. */
export function show(main, { query, signal }) {
  const list = h("div");
  replace(
    main,
    heading("Monitor", [], "Every import, recalculation and test is a run."),
    commandBar(command("refresh", "Refresh", () => reload())),
    filterBar(
      filterSelect("Task", "task", choices(TASKS), query.get("task")),
      filterSelect("State", "state", choices(STATES), query.get("state")),
      portalFilter(query.get("portal"), signal),
    ),
    list,
  );
  fillLater(list, signal, async () => {
    const place = h("div");
    const runs = await load(query, signal);
    replace(place, runsView(runs));
    watch(place, runs, query, signal);
    return place;
  }, "Loading runs");
}

function load(query, signal) {
  return page(
    "/runs",
    {
      task: query.get("task"),
      state: query.get("state"),
      portalId: query.get("portal"),
      top: A_PAGE,
      continuation: query.get("at"),
    },
    { signal },
  );
}

/** Reads the list again while the view is shown; a failure ends it, and Refresh remains. */
async function watch(place, runs, query, signal) {
  let known = JSON.stringify(runs.rows);
  try {
    for (;;) {
      await pause(runs.rows.every(ended) ? WHILE_IDLE_MS : WHILE_RUNNING_MS, signal);
      if (document.hidden) continue;
      runs = await load(query, signal);
      const seen = JSON.stringify(runs.rows);
      if (seen !== known) refresh(place, runsView(runs));
      known = seen;
    }
  } catch (error) {
    if (error.name !== "AbortError" && !("status" in error)) throw error;
  }
}

function runsView({ rows, continuation }) {
  if (!rows.length && !continuation) return empty("No runs", "Nothing has run that these filters let through.");
  return serverTable({
    label: "Runs",
    rows,
    continuation,
    columns: [
      { key: "task", title: "Task", cell: (run) => h("a", { href: address(["monitor", run.runId]) }, words(run.task)) },
      { key: "state", title: "State", cell: (run) => badge(run.state) },
      { key: "portal", title: "Portal", cell: (run) => run.portalName ?? (run.childCount ? count(run.childCount, "portal") : "–") },
      { key: "trigger", title: "Started by", cell: (run) => words(run.trigger) },
      { key: "created", title: "Created", cell: (run) => moment(run.createdAt) },
      { key: "duration", title: "Duration", numeric: true, cell: (run) => duration(run.startedAt, run.finishedAt) },
      { key: "error", title: "Error", wide: true, cell: (run) => run.error?.message },
    ],
  });
}
