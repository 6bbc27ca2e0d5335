// Runs: follows one until it has ended, and shows how far it is.

import { get } from "./api.js";
import { badge } from "./controls.js";
import { h, replace, svg } from "./dom.js";
import { count, duration, number, words } from "./format.js";
import { address } from "./router.js";

const FINISHED = ["Succeeded", "PartiallySucceeded", "Failed"];
const SOONEST_MS = 500;
const LATEST_MS = 4000;

/** Whether a run has ended. */
export const ended = (run) => FINISHED.includes(run.state);

/** Resolves after a while; at once with AbortError if `signal` says so. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException("The view was left.", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Reads a run again and again, slower with time, until it has ended; returns it. */
export async function follow(runId, onChange, signal) {
  let wait = SOONEST_MS;
  for (;;) {
    const run = await get(`/runs/${runId}`, {}, signal);
    onChange(run);
    if (ended(run)) return run;
    await pause(wait, signal);
    wait = Math.min(LATEST_MS, wait * 1.25);
  }
}

/** Shows a run's progress in `place` while it goes on; returns the run when it has ended. */
export async function showProgress(place, runId, signal) {
  return follow(runId, (run) => replace(place, progress(run)), signal);
}

/** How far a run is: its portals with their states, and what it has counted. */
export function progress(run) {
  const total = run.childCount || 1;
  const done = run.childCount ? run.children.filter(ended).length : Number(ended(run));
  return h(
    "div",
    { class: "progress", role: "status" },
    h(
      "div",
      { class: "progress-head" },
      badge(run.state),
      h("a", { href: address(["monitor", run.runId]) }, words(run.task)),
      h(
        "span",
        { class: "quiet" },
        run.childCount ? `${number(done)} of ${count(total, "portal")}` : run.portalName ?? "",
        ` · ${duration(run.createdAt, run.finishedAt)}`,
      ),
    ),
    svg(
      "svg",
      { class: "bar bar-progress", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "bar-ground", width: 100, height: 6 }),
      svg("rect", { class: "bar-fill", width: (done / total) * 100, height: 6 }),
    ),
    run.children.length <= 12 &&
      h(
        "ul",
        { class: "progress-children" },
        run.children.map((child) =>
          h("li", {}, badge(child.state), h("a", { href: address(["monitor", child.runId]) }, child.portalName ?? words(child.task))),
        ),
      ),
    run.error && h("p", { class: "bad" }, run.error.message, " ", h("span", { class: "quiet" }, run.error.remedy)),
  );
}
