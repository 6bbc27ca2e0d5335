// Files a product in another directory: asked for in a dialog, or dropped on the tree.

import { call } from "./api.js";
import { field, reload } from "./controls.js";
import { ask, notify, notifyError } from "./dialog.js";
import { h } from "./dom.js";

/** Moves a product {portalId, skuId, name, etag} and says so. Raises ApiError. */
export async function moveProduct(product, directory) {
  const { hash } = location;
  const { data } = await call("PATCH", `/products/${product.portalId}/${product.skuId}`, {
    body: { directory },
    ifMatch: product.etag,
  });
  notify("success", `${product.name} is filed in ${data.directory} now.`);
  reload(hash);
  return data;
}

/** Moves a product that was dropped; says if it could not be. */
export async function moveDropped(product, directory) {
  try {
    await moveProduct(product, directory);
  } catch (error) {
    notifyError(error);
  }
}

/** Asks for the directory, with those that exist on offer, and moves. */
export function askToMove(product, directories) {
  const input = h("input", { type: "text", name: "directory", value: product.directory, list: "directories", maxlength: 255 });
  return ask({
    title: `Move ${product.name}`,
    content: [
      field("Directory", input, { required: true, hint: "Names separated by /; a new directory comes into being." }),
      h("datalist", { id: "directories" }, directories.map((path) => h("option", { value: path }))),
    ],
    label: "Move",
    confirm: () => moveProduct(product, input.value),
  });
}
