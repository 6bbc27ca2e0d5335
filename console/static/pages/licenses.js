// Licenses and products: the tree of directories at left, the products in one of them at right.

import { all, get, page } from "../api.js";
import { utilization } from "../charts.js";
import { badge, command, commandBar, filterBar, filterSearch, heading, iconButton, reload } from "../controls.js";
import { h, replace } from "../dom.js";
import { downloads } from "../downloads.js";
import { number } from "../format.js";
import { askToMove, moveDropped } from "../move_product.js";
import { portalFilter } from "../names.js";
import { address, withFilters } from "../router.js";
import { empty, fillLater } from "../states.js";
import { serverTable, table, unsorted } from "../table.js";
import { PRODUCT, tree } from "../tree.js";

const AT_HAND = 1000;
const A_PAGE = 100;
const SEARCHED = 20_000;

/** Shows the page; directory, portal and search are filters. */
export function show(main, { query, signal }) {
  const directories = h("div", { class: "master-list" });
  const list = h("div");
  replace(
    main,
    heading("Licenses and products", [], "Imported data is read-only: the tenant leads. Only the directory of a product is yours to change."),
    commandBar(
      command("refresh", "Refresh", () => reload()),
      query.get("directory")
        ? downloads("/products", { portalId: query.get("portal"), directory: query.get("directory") })
        : downloads("/licenses", { portalId: query.get("portal") }),
    ),
    filterBar(
      filterSearch("Search products", "search", query.get("search")),
      portalFilter(query.get("portal"), signal),
    ),
    h("div", { class: "master-details has-both" }, h("div", { class: "master" }, h("h2", {}, "Directories"), directories), h("div", { class: "details" }, list)),
  );
  const known = get("/directories", {}, signal);
  known.catch(() => {});
  fillLater(directories, signal, async () => directoriesView((await known).value, query));
  fillLater(list, signal, async () => productsView(query, paths((await known).value), signal), "Loading products");
}

const paths = (nodes) => nodes.flatMap((node) => [node.path, ...paths(node.directories)]);

function directoriesView(nodes, query) {
  const total = nodes.reduce((sum, node) => sum + node.total, 0);
  return tree({
    label: "Directories",
    nodes: [{ name: "All products", path: "", total, directories: nodes }],
    current: query.get("directory") ?? "",
    href: (path) => withFilters({ directory: path }),
    onDrop: (path, product) => moveDropped(product, path),
  });
}

async function productsView(query, directories, signal) {
  const directory = query.get("directory");
  const portalId = query.get("portal");
  const search = (query.get("search") ?? "").toLocaleLowerCase();
  const columns = productColumns(directories);
  const label = "Products";
  let products = await page("/products", { portalId, top: AT_HAND }, { signal });
  if (products.continuation && search) {
    // the server does not search products, so all are read
    const every = await all("/products", { portalId, directory }, { signal, limit: SEARCHED });
    const rows = searched(await withPositions(every.rows, portalId, signal), search);
    const note = every.complete ? null : `Only the first ${number(SEARCHED)} products were searched.`;
    return rows.length ? table({ label, columns, rows, sort: "name", note, onRow: draggable }) : empty("No products here", note ?? "Other filters may show some.");
  }
  if (products.continuation || query.has("at")) {
    // too many to have at hand: the server pages, and finds the directory itself
    products = await page("/products", { portalId, directory, top: A_PAGE, continuation: query.get("at") }, { signal });
    const rows = await withPositions(products.rows, portalId, signal);
    return serverTable({ label, columns, rows, continuation: products.continuation, note: unsorted("Choose a portal, or search,"), onRow: draggable });
  }
  const inside = products.rows.filter((row) => !directory || row.directory === directory || row.directory.startsWith(`${directory}/`));
  const rows = searched(await withPositions(inside, portalId, signal), search);
  if (!rows.length) {
    return empty("No products here", products.rows.length ? "Other filters may show some." : "Import a portal to see its licenses.");
  }
  return table({ label, columns, rows, sort: "name", onRow: draggable });
}

const searched = (rows, needle) =>
  rows.filter((row) => [row.name, row.directory, row.position?.skuPartNumber ?? ""].some((text) => text.toLocaleLowerCase().includes(needle)));

async function withPositions(products, portalId, signal) {
  const portals = portalId ? [portalId] : [...new Set(products.map((row) => row.portalId))];
  // a few portals are asked for one by one, many are read in one go
  const each = () => Promise.all(portals.map((id) => all("/compliance", { portalId: id }, { signal })));
  let lists = portals.length <= 8 ? await each() : [await all("/compliance", {}, { signal, limit: SEARCHED })];
  if (!lists.every((list) => list.complete)) lists = await each();
  const positions = new Map(lists.flatMap((list) => list.rows).map((row) => [`${row.portalId} ${row.skuId}`, row]));
  return products.map((row) => ({ ...row, position: positions.get(`${row.portalId} ${row.skuId}`) ?? null }));
}

function productColumns(directories) {
  const units = (field) => ({
    numeric: true,
    value: (row) => row.position?.[field] ?? null,
    cell: (row) => (row.position ? number(row.position[field]) : "–"),
  });
  return [
    {
      key: "name",
      title: "Product",
      wide: true,
      value: (row) => row.name,
      cell: (row) => [
        h("a", { href: address(["licenses", row.portalId, row.skuId]) }, row.name),
        h("span", { class: "quiet small block" }, row.directory),
      ],
    },
    { key: "entitled", title: "Entitled", ...units("entitled") },
    { key: "consumed", title: "Consumed", ...units("consumed") },
    { key: "available", title: "Available", ...units("available") },
    {
      key: "utilization",
      title: "Utilization",
      value: (row) => (row.position?.entitled ? row.position.consumed / row.position.entitled : null),
      cell: (row) => row.position && utilization(row.position.consumed, row.position.entitled, row.name),
    },
    {
      key: "status",
      title: "Status",
      value: (row) => row.position?.status ?? null,
      cell: (row) => badge(row.position?.status ?? "not_calculable"),
    },
    {
      key: "move",
      title: "",
      cell: (row) => iconButton("move", `Move ${row.name}`, () => askToMove(row, directories)),
    },
  ];
}

function draggable(line, row) {
  line.draggable = true;
  line.addEventListener("dragstart", (event) => {
    const { portalId, skuId, name, etag } = row;
    event.dataTransfer.setData(PRODUCT, JSON.stringify({ portalId, skuId, name, etag }));
    event.dataTransfer.effectAllowed = "move";
  });
}
