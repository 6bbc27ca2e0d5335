// A tree of directories: chosen by pointer or keyboard, and a place to drop things on.

import { h } from "./dom.js";
import { number } from "./format.js";
import { icon } from "./icons.js";

/** What the dragging of a product carries. */
export const PRODUCT = "application/x-ledger365-product";

/**
 * The tree of `nodes` {name, path, total, directories}. `current` is the path chosen; `href(path)`
 * its address; `onDrop(path, data)` takes a product that was dropped on a directory.
 */
export function tree({ label, nodes, current, href, onDrop }) {
  const root = h("ul", { class: "tree", role: "tree", "aria-label": label });
  root.append(...nodes.map((node) => item(node, 1, { current, href, onDrop })));
  const items = () =>
    [...root.querySelectorAll("[role=treeitem]")].filter((each) => each.checkVisibility());
  const start = root.querySelector("[aria-selected=true]") ?? root.querySelector("[role=treeitem]");
  if (start) start.tabIndex = 0;
  const focus = (target) => {
    if (!target) return;
    for (const each of items()) each.tabIndex = -1;
    target.tabIndex = 0;
    target.focus();
  };
  root.addEventListener("keydown", (event) => {
    const here = event.target.closest("[role=treeitem]");
    const all = items();
    const at = all.indexOf(here);
    const expanded = here.getAttribute("aria-expanded");
    const moves = {
      ArrowDown: () => focus(all[at + 1]),
      ArrowUp: () => focus(all[at - 1]),
      Home: () => focus(all[0]),
      End: () => focus(all.at(-1)),
      ArrowRight: () =>
        expanded === "false" ? here.setAttribute("aria-expanded", "true") : expanded && focus(all[at + 1]),
      ArrowLeft: () =>
        expanded === "true"
          ? here.setAttribute("aria-expanded", "false")
          : focus(here.closest("ul").previousElementSibling),
      Enter: () => (location.hash = here.dataset.href),
      " ": () => (location.hash = here.dataset.href),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    moves[event.key]();
  });
  return root;
}

function item(node, level, { current, href, onDrop }) {
  const children = node.directories ?? [];
  const row = h(
    "div",
    {
      role: "treeitem",
      class: "tree-row",
      tabindex: "-1",
      "aria-level": level,
      "aria-selected": String(node.path === current),
      "aria-expanded": children.length ? "true" : null,
      "data-href": href(node.path),
    },
    icon("folder"),
    h("span", { class: "tree-name" }, node.name),
    h("span", { class: "quiet" }, number(node.total), h("span", { class: "unseen" }, " products")),
  );
  row.addEventListener("click", () => (location.hash = href(node.path)));
  if (node.path) acceptDrops(row, (data) => onDrop(node.path, data));
  return h(
    "li",
    { role: "none" },
    row,
    children.length > 0 &&
      h(
        "ul",
        { role: "group" },
        children.map((child) => item(child, level + 1, { current, href, onDrop })),
      ),
  );
}

function acceptDrops(row, take) {
  row.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes(PRODUCT)) return;
    event.preventDefault();
    row.classList.add("drop");
  });
  row.addEventListener("dragleave", () => row.classList.remove("drop"));
  row.addEventListener("drop", (event) => {
    event.preventDefault();
    row.classList.remove("drop");
    take(JSON.parse(event.dataTransfer.getData(PRODUCT)));
  });
}
