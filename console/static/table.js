// Tables: rows at hand are sorted and paged here, long lists are paged by the server.

import { iconButton } from "./controls.js";
import { h, replace } from "./dom.js";
import { compare, count, number } from "./format.js";
import { icon } from "./icons.js";
import { address, amend, here, withFilters } from "./router.js";

const ROWS_A_PAGE = 100;
const ROWS_AT_ONCE = 50;

/**
 * A table of rows at hand. A column has `key`, `title`, `cell(row)`, and for sorting `value(row)`;
 * `numeric` aligns right. Sorting and the page are kept in the address; at first the rows are sorted
 * by `sort`, the largest first with `downAtFirst`.
 */
export function table({ label, columns, rows, sort, downAtFirst = false, note = null, onRow = null }) {
  const place = scroller(label);
  const draw = () => {
    const { query } = here();
    const order = query.has("sort")
      ? { key: query.get("sort"), down: query.get("order") === "desc" }
      : { key: sort, down: downAtFirst };
    const sorted = sortRows(rows, columns, order);
    const pages = Math.max(1, Math.ceil(sorted.length / ROWS_A_PAGE));
    const current = Math.min(pages, Math.max(1, Number(query.get("page")) || 1));
    const shown = sorted.slice((current - 1) * ROWS_A_PAGE, current * ROWS_A_PAGE);
    const turn = (to) => {
      const { segments, query: present } = here();
      present.set("page", to);
      amend(address(segments, present));
      draw();
      place.scrollIntoView({ block: "nearest" });
    };
    const sortBy = (key) => {
      const down = order.key === key && !order.down;
      amend(withFilters({ sort: key, order: down ? "desc" : null }));
      draw();
      place.querySelector(`[data-sort="${CSS.escape(key)}"]`)?.focus();
    };
    replace(
      place,
      grid(label, columns, shown, order, sortBy, onRow),
      h(
        "div",
        { class: "pager" },
        h("p", { class: "quiet", role: "status" }, countText(rows.length, current, pages), note && ` ${note}`),
        pages > 1 &&
          h(
            "div",
            { class: "pager-buttons" },
            pagerButton("previous", "Previous page", current > 1, () => turn(current - 1)),
            pagerButton("next", "Next page", current < pages, () => turn(current + 1)),
          ),
      ),
    );
  };
  draw();
  return place;
}

/** What a table says of rows that are too many to be sorted here; `way` makes them fewer. */
export const unsorted = (way) => `There are too many rows to sort them; they come by portal and license. ${way} to sort.`;

// wide tables scroll in their place, which the keyboard must reach to do so
const scroller = (label) =>
  h("div", { class: "table-place", role: "region", "aria-label": label, tabindex: "0" });

function countText(total, current, pages) {
  const rows = count(total, "row");
  return pages > 1 ? `${rows}, page ${number(current)} of ${number(pages)}.` : `${rows}.`;
}

/** The rows in an order; rows that are equal stay as they were. */
export function sortRows(rows, columns, { key, down }) {
  const column = columns.find((each) => each.key === key && each.value);
  if (!column) return rows;
  const keyed = rows.map((row) => [column.value(row), row]);
  keyed.sort(([one], [other]) => {
    const missing = (one ?? null) === null || (other ?? null) === null;
    return down && !missing ? compare(other, one) : compare(one, other);
  });
  return keyed.map(([, row]) => row);
}

// which page's Next led to a page; forgotten on reload, when First page remains
const cameFrom = new Map();

/**
 * A table of one page of a list that the server pages. Where the list stands is in the address
 * (`at`), so that reloading stays and going back works.
 */
export function serverTable({ label, columns, rows, continuation, note = null, onRow = null }) {
  const { segments, query } = here();
  const to = (token) => {
    const next = new URLSearchParams(query);
    if (token) next.set("at", token);
    else next.delete("at");
    location.hash = address(segments, next);
  };
  const at = query.get("at");
  const ahead = () => {
    cameFrom.set(continuation, at);
    to(continuation);
  };
  const more = continuation ? "More follow." : "End of the list.";
  const place = scroller(label);
  return replace(
    place,
    rows.length ? grid(label, columns, rows, {}, null, onRow) : null,
    h(
      "div",
      { class: "pager" },
      h("p", { class: "quiet", role: "status" }, `${count(rows.length, "row")} on this page. ${more}`, note && ` ${note}`),
      (at || continuation) &&
        h(
          "div",
          { class: "pager-buttons" },
          pagerButton("first", "First page", Boolean(at), () => to(null)),
          pagerButton("previous", "Previous page", cameFrom.has(at), () => to(cameFrom.get(at))),
          pagerButton("next", "Next page", Boolean(continuation), ahead),
        ),
    ),
  );
}

const pagerButton = (name, label, enabled, onclick) =>
  iconButton(name, label, onclick, { disabled: !enabled });

function grid(label, columns, rows, order, sortBy, onRow) {
  const body = h("tbody", { role: "rowgroup" });
  fillRows(body, rows.map((row) => () => rowLine(columns, row, onRow)));
  // roles are repeated because narrow screens lay the cells out as blocks
  return h(
    "table",
    { class: "table", role: "table", "aria-label": label },
    h(
      "thead",
      { role: "rowgroup" },
      h(
        "tr",
        { role: "row" },
        columns.map((column) => headCell(column, order, sortBy)),
      ),
    ),
    body,
  );
}

/** Draws the first rows at once, and the others in a task of their own, so that none is long. */
function fillRows(body, lines) {
  body.append(...lines.slice(0, ROWS_AT_ONCE).map((line) => line()));
  if (lines.length <= ROWS_AT_ONCE) return;
  setTimeout(() => body.isConnected && fillRows(body, lines.slice(ROWS_AT_ONCE)));
}

function rowLine(columns, row, onRow) {
  const line = h(
    "tr",
    { role: "row" },
    columns.map((column) =>
      h("td", { role: "cell", class: cellClass(column), "data-label": column.title }, column.cell(row) ?? "–"),
    ),
  );
  onRow?.(line, row);
  return line;
}

function headCell(column, order, sortBy) {
  const sortable = sortBy && column.value;
  const sorted = sortable && order.key === column.key;
  return h(
    "th",
    {
      scope: "col",
      role: "columnheader",
      class: cellClass(column),
      "aria-sort": sorted ? (order.down ? "descending" : "ascending") : null,
    },
    sortable
      ? h(
          "button",
          { type: "button", class: "sort", "data-sort": column.key, on: { click: () => sortBy(column.key) } },
          column.title,
          sorted && icon(order.down ? "down" : "up"),
        )
      : column.title || h("span", { class: "unseen" }, "Actions"),
  );
}

const cellClass = (column) =>
  [column.numeric ? "numeric" : null, column.wide ? "wide" : null].filter(Boolean).join(" ") || null;
