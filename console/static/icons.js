// Icons, drawn here so that nothing is fetched from elsewhere.

import { svg } from "./dom.js";

const PATHS = {
  overview: "M2 8 8 2.5 14 8M4 7v6.5h8V7",
  portals: "M2.5 5.5h11v8h-11zM5.5 5.5v-3h5v3M2.5 9h11",
  licenses: "M2.5 3.5h11v9h-11zM5 6.5h6M5 9.5h3.5",
  compliance: "M8 1.8 13.5 4v4c0 3.2-2.3 5.3-5.5 6.4C4.8 13.3 2.5 11.2 2.5 8V4zM5.5 8l1.8 1.8L10.7 6",
  people: "M8 8a2.8 2.8 0 1 0 0-5.6A2.8 2.8 0 0 0 8 8ZM2.8 14c.4-2.6 2.4-4 5.2-4s4.8 1.4 5.2 4",
  savings: "M8 1.8v12.4M11.2 4.6C10.6 3.6 9.5 3.2 8 3.2c-2 0-3.2.9-3.2 2.3 0 3.3 6.6 1.5 6.6 4.9 0 1.5-1.4 2.4-3.4 2.4-1.8 0-3-.6-3.6-1.8",
  monitor: "M1.8 8.5h2.7l1.8-5 3 9 2-4h2.9",
  plus: "M8 2.5v11M2.5 8h11",
  refresh: "M13 5.5A5.5 5.5 0 1 0 13.5 8M13.2 2.5v3.2H10",
  delete: "M3 4.5h10M6 4.5v-2h4v2M4.5 4.5l.6 9h5.8l.6-9M7 7v4M9 7v4",
  play: "M4.5 2.8v10.4L13 8z",
  test: "M6 2.5h4M6.8 2.5v4L3 13.5h10L9.2 6.5v-4M5 10.5h6",
  trend: "M2 12.5 6 8l3 3 5-6.5M10.5 4.5H14V8",
  move: "M2 4h4l1.5 1.5H14v7.5H2zM8 7.5v4M6 9.5l2 2 2-2",
  next: "M6 3l5 5-5 5",
  previous: "M10 3 5 8l5 5",
  first: "M12 3 7 8l5 5M4.5 3v10",
  check: "M3 8.5l3.2 3.2L13 4.8",
  cross: "M4 4l8 8M12 4l-8 8",
  warning: "M8 2 14.5 13.5h-13zM8 6.5v3.2M8 11.4v.6",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 7.2v3.8M8 5v.4",
  minus: "M3.5 8h9",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 4.8V8l2.4 1.6",
  menu: "M2 4h12M2 8h12M2 12h12",
  theme: "M8 14A6 6 0 1 0 8 2zM8 2a6 6 0 0 1 0 12",
  signOut: "M9.5 2.5h-6v11h6M7 8h7M11.5 5.5 14 8l-2.5 2.5",
  folder: "M1.8 4h4.4l1.5 1.7h6.5v7.6H1.8z",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.6 10.6 14 14",
  up: "M3.5 10 8 5.5l4.5 4.5",
  down: "M3.5 6 8 10.5 12.5 6",
};

/** A 16-pixel icon, hidden from screen readers since a word stands beside it. */
export function icon(name) {
  return svg(
    "svg",
    { class: `icon icon-${name}`, viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );
}
