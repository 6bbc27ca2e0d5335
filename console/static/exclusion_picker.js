// Exclusions as two lists: by drag, by buttons, and by keyboard.

import { h, replace } from "./dom.js";
import { compare, number } from "./format.js";
import { failed, loading } from "./states.js";

/**
 * Two lists of SKUs, imported and excluded. `chosen` are the excluded SKU IDs; `load(subscribed)`
 * promises what there is to choose from. `chosen()` of the result are the SKU IDs excluded now.
 * Without `asksTenant` the whole list is offered first.
 */
export function exclusionPicker({ chosen, load, signal, asksTenant = true }) {
  const excluded = new Set(chosen);
  const known = new Map();
  const search = h("input", { type: "search", placeholder: "Search licenses", "aria-label": "Search licenses" });
  const subscribed = h("input", { type: "checkbox", checked: asksTenant });
  const spoken = h("p", { class: "unseen", role: "status" });
  const trouble = h("div");
  const lists = [
    listbox("Imported", () => move(0)),
    listbox("Excluded", () => move(1)),
  ];

  const draw = () => {
    const needle = search.value.trim().toLocaleLowerCase();
    const found = [...known.values()].filter((sku) =>
      `${sku.title} ${sku.partNumber}`.toLocaleLowerCase().includes(needle),
    );
    lists[0].fill(found.filter((sku) => !excluded.has(sku.skuId)));
    lists[1].fill(found.filter((sku) => excluded.has(sku.skuId)));
  };

  /** Moves what is selected in a list to the other; `ids` overrides the selection. */
  const move = (from, ids = lists[from].selection()) => {
    if (!ids.length) return;
    for (const id of ids) {
      if (from === 0) excluded.add(id);
      else excluded.delete(id);
    }
    draw();
    lists[from].focus();
    replace(spoken, `${number(ids.length)} ${from === 0 ? "excluded" : "imported"}; ${number(excluded.size)} are excluded now.`);
  };

  const fetchChoice = async () => {
    replace(trouble, loading("Asking the tenant"));
    try {
      const rows = await load(subscribed.checked);
      known.clear();
      // what is excluded stays visible, though the tenant may not have it
      for (const id of excluded) known.set(id, { skuId: id, title: id, partNumber: "" });
      for (const row of rows.sort((one, other) => compare(one.title, other.title))) known.set(row.skuId, row);
      replace(trouble);
      draw();
    } catch (error) {
      if (error.name === "AbortError" || signal.aborted) return;
      replace(trouble, failed(error, fetchChoice));
    }
  };

  lists.forEach((list, at) => {
    list.onDrop((ids) => move(1 - at, ids));
  });
  search.addEventListener("input", draw);
  search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  subscribed.addEventListener("change", fetchChoice);
  fetchChoice();

  const arrow = (label, from) =>
    h("button", { type: "button", class: "button", on: { click: () => move(from) } }, label);
  const element = h(
    "div",
    { class: "picker" },
    h("div", { class: "picker-tools" }, search, h("label", { class: "check" }, subscribed, "Only subscribed")),
    trouble,
    h(
      "div",
      { class: "picker-lists" },
      lists[0].element,
      h("div", { class: "picker-buttons" }, arrow("Exclude", 0), arrow("Import", 1)),
      lists[1].element,
    ),
    h("p", { class: "hint" }, "Drag licenses, or select with the arrow keys and Space, and move with Enter."),
    spoken,
  );
  return { element, chosen: () => [...excluded] };
}

/** A list whose options are selected with pointer or keyboard; `onMove` runs on Enter. */
function listbox(title, onMove) {
  const selected = new Set();
  let active = 0;
  const count = h("span", { class: "quiet" });
  const box = h("ul", { role: "listbox", "aria-label": title, "aria-multiselectable": "true", tabindex: "0", class: "listbox" });
  const options = () => [...box.children];

  const mark = () => {
    const all = options();
    active = Math.max(0, Math.min(active, all.length - 1));
    all.forEach((option, at) => {
      option.setAttribute("aria-selected", String(selected.has(option.dataset.id)));
      option.classList.toggle("active", at === active);
    });
    const current = all[active];
    if (current) box.setAttribute("aria-activedescendant", current.id);
    else box.removeAttribute("aria-activedescendant");
  };

  const toggle = (id) => {
    if (!selected.delete(id)) selected.add(id);
  };

  box.addEventListener("click", (event) => {
    const option = event.target.closest("[data-id]");
    if (!option) return;
    active = options().indexOf(option);
    toggle(option.dataset.id);
    mark();
  });
  box.addEventListener("dblclick", (event) => {
    const option = event.target.closest("[data-id]");
    if (!option) return;
    selected.add(option.dataset.id);
    onMove();
  });
  box.addEventListener("keydown", (event) => {
    const all = options();
    const steps = { ArrowDown: 1, ArrowUp: -1, Home: -all.length, End: all.length };
    if (event.key in steps) {
      active += steps[event.key];
      mark();
      all[active]?.scrollIntoView({ block: "nearest" });
    } else if (event.key === " " && all[active]) {
      toggle(all[active].dataset.id);
      mark();
    } else if (event.key === "Enter" && all[active]) {
      if (!selected.size) selected.add(all[active].dataset.id);
      onMove();
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      for (const option of all) selected.add(option.dataset.id);
      mark();
    } else {
      return;
    }
    event.preventDefault();
  });
  box.addEventListener("dragstart", (event) => {
    const id = event.target.dataset.id;
    const ids = selected.has(id) ? [...selected] : [id];
    event.dataTransfer.setData("application/x-ledger365-skus", JSON.stringify(ids));
    event.dataTransfer.effectAllowed = "move";
  });

  return {
    element: h("div", { class: "picker-list" }, h("p", { class: "picker-title" }, title, " ", count), box),
    selection: () => [...selected],
    focus: () => box.focus(),
    fill(rows) {
      const shown = new Set(rows.map((row) => row.skuId));
      for (const id of selected) if (!shown.has(id)) selected.delete(id);
      replace(count, `(${number(rows.length)})`);
      replace(box, rows.map((row) => optionFor(row, title)));
      mark();
    },
    onDrop(take) {
      box.addEventListener("dragover", (event) => {
        if (!event.dataTransfer.types.includes("application/x-ledger365-skus")) return;
        event.preventDefault();
        box.classList.add("drop");
      });
      box.addEventListener("dragleave", () => box.classList.remove("drop"));
      box.addEventListener("drop", (event) => {
        event.preventDefault();
        box.classList.remove("drop");
        take(JSON.parse(event.dataTransfer.getData("application/x-ledger365-skus")));
      });
    },
  };
}

function optionFor(row, title) {
  return h(
    "li",
    { role: "option", id: `${title}-${row.skuId}`, class: "option", draggable: "true", "data-id": row.skuId, "aria-selected": "false" },
    h("span", {}, row.title),
    row.partNumber && h("span", { class: "quiet small" }, row.partNumber),
  );
}
