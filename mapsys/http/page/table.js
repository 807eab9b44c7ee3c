/** A short table: every row is in the document, and cells may take several lines. */

import { cells, heading } from "./columns.js";
import { make } from "./dom.js";

/** A table of rows, or a sentence where there are none. */
export function table(label, columns, rows, empty = "None.") {
  if (!rows.length) return make("p", { class: "empty" }, empty);
  return make(
    "div",
    { class: "scroller", role: "region", tabindex: 0, "aria-label": label },
    make(
      "table",
      { "aria-label": label },
      make("thead", {}, make("tr", {}, columns.map((one) => heading(one, { column: null }, null)))),
      make("tbody", {}, rows.map((row) => make("tr", {}, cells(columns, row)))),
    ),
  );
}

/** Names with their values: pairs of texts or nodes. */
export function facts(pairs) {
  return make("dl", { class: "facts" }, pairs.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}
