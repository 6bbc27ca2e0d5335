// Charts as inline SVG, each with its numbers in words for those who do not see it.

import { h, svg } from "./dom.js";
import { calendarDay, number, percent, words } from "./format.js";

/** How much of something is used: a bar, and the numbers beside it. */
export function utilization(used, total, label) {
  const share = total > 0 ? used / total : used > 0 ? 2 : 0;
  const tone = share > 1 ? "bad" : share >= 0.9 ? "warn" : "good";
  const text = total > 0 ? percent(share) : used > 0 ? "over" : "–";
  return h(
    "span",
    { class: "utilization" },
    svg(
      "svg",
      {
        class: `bar bar-${tone}`,
        viewBox: "0 0 100 6",
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": `${label}: ${number(used)} of ${number(total)} used`,
      },
      svg("rect", { class: "bar-ground", width: 100, height: 6, rx: 1 }),
      svg("rect", { class: "bar-fill", width: Math.min(100, share * 100), height: 6, rx: 1 }),
    ),
    h("span", { class: "utilization-text", "aria-hidden": "true" }, text),
  );
}

/** Parts of a whole as one bar: [[status, count], …]; the legend beside it has the words. */
export function distribution(parts, label) {
  const total = parts.reduce((sum, [, count]) => sum + count, 0);
  let from = 0;
  const segments = parts
    .filter(([, count]) => count > 0)
    .map(([status, count]) => {
      const width = (count / total) * 100;
      const segment = svg(
        "rect",
        { class: `part part-${status}`, x: from, width, height: 10 },
        svg("title", {}, `${words(status)}: ${number(count)}`),
      );
      from += width;
      return segment;
    });
  const spoken = parts.map(([status, count]) => `${words(status)} ${number(count)}`).join(", ");
  return svg(
    "svg",
    {
      class: "distribution",
      viewBox: "0 0 100 10",
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `${label}: ${spoken}`,
    },
    segments,
  );
}

// drawn as wide as there is room, so that its letters stay as large as others
const WIDE = 720;
const NARROW = 360;
const HEIGHT = 240;
const EDGE = { left: 56, right: 16, top: 16, bottom: 32 };

/**
 * Days against units: `days` are [{day, entitled, consumed}], oldest first. Both lines run from
 * day to day as they were calculated; a table below has the same numbers.
 */
export function historyChart(days, label) {
  const width = matchMedia("(max-width: 600px)").matches ? NARROW : WIDE;
  const top = niceCeiling(Math.max(1, ...days.map((each) => Math.max(each.entitled, each.consumed))));
  const first = dayNumber(days[0].day);
  const span = Math.max(1, dayNumber(days.at(-1).day) - first);
  const x = (each) =>
    days.length === 1
      ? width / 2
      : EDGE.left + ((dayNumber(each.day) - first) / span) * (width - EDGE.left - EDGE.right);
  const y = (value) => HEIGHT - EDGE.bottom - (value / top) * (HEIGHT - EDGE.top - EDGE.bottom);
  const marks = [0, top / 2, top];
  const spoken = `${label}: from ${calendarDay(days[0].day)} to ${calendarDay(days.at(-1).day)}, lately ${number(days.at(-1).consumed)} of ${number(days.at(-1).entitled)} consumed`;
  return h(
    "figure",
    { class: "chart" },
    svg(
      "svg",
      { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": spoken },
      marks.map((value) => [
        svg("line", { class: "chart-grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value) }),
        svg("text", { class: "chart-text", x: EDGE.left - 8, y: y(value) + 4, "text-anchor": "end" }, number(value)),
      ]),
      dayMarks(days).map((each) =>
        svg("text", { class: "chart-text", x: x(each), y: HEIGHT - 10, "text-anchor": anchor(each, days) }, calendarDay(each.day)),
      ),
      line(days, x, y, "entitled"),
      line(days, x, y, "consumed"),
    ),
    h(
      "figcaption",
      { class: "legend" },
      h("span", { class: "legend-entitled" }, "Entitled"),
      h("span", { class: "legend-consumed" }, "Consumed"),
    ),
  );
}

function line(days, x, y, field) {
  const points = days.map((each) => `${x(each).toFixed(1)},${y(each[field]).toFixed(1)}`).join(" ");
  return [
    svg("polyline", { class: `chart-line chart-${field}`, points }),
    (days.length <= 31 ? days : []).map((each) =>
      svg(
        "circle",
        { class: `chart-dot chart-${field}`, cx: x(each), cy: y(each[field]), r: 3 },
        svg("title", {}, `${calendarDay(each.day)}: ${number(each[field])} ${field}`),
      ),
    ),
  ];
}

function dayMarks(days) {
  return days.length < 3 ? days : [days[0], days[Math.floor(days.length / 2)], days.at(-1)];
}

function anchor(each, days) {
  if (days.length === 1) return "middle";
  if (each === days[0]) return "start";
  return each === days.at(-1) ? "end" : "middle";
}

const dayNumber = (text) => Date.parse(`${text}T00:00:00Z`) / 86_400_000;

/** The next number that reads well and is even, so that its half does too. */
export function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 4, 6, 8, 10].find((each) => each * power >= value) * power;
  return Math.max(2, step);
}

/** A small line without axes, for one glance: values oldest first. */
export function sparkline(values, label) {
  const low = Math.min(...values);
  const range = Math.max(...values) - low || 1;
  const step = values.length > 1 ? 100 / (values.length - 1) : 0;
  const points = values
    .map((value, at) => `${(at * step).toFixed(1)},${(22 - ((value - low) / range) * 20).toFixed(1)}`)
    .join(" ");
  return svg(
    "svg",
    { class: "sparkline", viewBox: "0 0 100 24", preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("polyline", { points }),
  );
}
