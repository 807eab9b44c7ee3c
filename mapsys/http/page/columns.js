/** What a column of a table is, and the order that one brings rows into. */

import { make } from "./dom.js";

/**
 * A column.
 *
 * cell: what to show of a row, a node or text. sort: the value to order by; null
 * where a column brings no order. narrow: whether it stays on a narrow screen.
 * kind: a class of its cells, as "number".
 */
export function column(title, cell, { sort = null, narrow = true, kind = "" } = {}) {
  return { title, cell, sort, className: [kind, narrow ? "" : "wide-only"].filter(Boolean).join(" ") || null };
}

/** A heading; one that orders has a button. order: {column, descending} in use. */
export function heading(one, order, choose) {
  if (one.sort === null || choose === null) return make("th", { scope: "col", class: one.className }, one.title);
  const used = order.column === one;
  const direction = order.descending ? "descending" : "ascending";
  return make(
    "th",
    { scope: "col", class: one.className, "aria-sort": used ? direction : null },
    make("button", { type: "button", class: "sort", onclick: () => choose(one) }, one.title),
  );
}

/** The order after its column was chosen once more. */
export function chosenOrder(order, one) {
  return { column: one, descending: order.column === one && !order.descending };
}

/** Rows in order; what has no value comes last. */
export function ordered(rows, { column: by, descending }) {
  if (by === null) return rows;
  const sign = descending ? -1 : 1;
  const keyed = rows.map((row) => [by.sort(row), row]);
  keyed.sort(([one], [other]) => {
    if (one === null || other === null) return (one === null) - (other === null);
    return sign * (typeof one === "string" ? COLLATOR.compare(one, other) : one - other);
  });
  return keyed.map(([, row]) => row);
}

/** "site-2" stands before "site-10". */
const COLLATOR = new Intl.Collator("en", { numeric: true });

/** The cells of a row. */
export function cells(columns, row) {
  return columns.map((one) => make("td", { class: one.className }, one.cell(row)));
}
