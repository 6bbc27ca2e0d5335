// Downloads of lists, filtered as the view is.

import { file } from "./api.js";
import { busy, command } from "./controls.js";
import { notifyError } from "./dialog.js";
import { h } from "./dom.js";

const FORMATS = { csv: "CSV", xlsx: "Excel" };

/** A command for each format, which downloads the list at `path` with the filters given. */
export function downloads(path, filters) {
  return Object.entries(FORMATS).map(([format, label]) =>
    command("down", label, (event) => busy(event.currentTarget, () => save(path, filters, format), notifyError), {
      "aria-label": `Download as ${label}`,
    }),
  );
}

async function save(path, filters, format) {
  const { blob, name } = await file(path, filters, format);
  const link = h("a", { download: name });
  link.href = URL.createObjectURL(blob);
  link.click();
  URL.revokeObjectURL(link.href);
}
