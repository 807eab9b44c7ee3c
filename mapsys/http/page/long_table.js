/** A table of any length: only the rows in sight are in the document. */

import { cells, chosenOrder, heading, ordered } from "./columns.js";
import { make } from "./dom.js";

const ROW_PIXELS = 36;
const ROWS_BESIDE = 8;
/** Kept above and below what is in sight. */

const STEPS = {
  ArrowDown: () => 1,
  ArrowUp: () => -1,
  PageDown: (rows) => rows,
  PageUp: (rows) => -rows,
  Home: () => -Infinity,
  End: () => Infinity,
};
/** How far a key moves, given how many rows are in sight. */

/**
 * A table that scrolls in a region of its own.
 *
 * key: names a row; a row that is the same object under the same key stays as it is.
 * order: what to begin with; null keeps the order of the rows, and columns bring none.
 * nearEnd: called when the last rows come into sight.
 */
export class LongTable {
  #columns;
  #key;
  #order;
  #nearEnd;
  #rows = [];
  #shown = new Map();
  #head = make("tr", { "aria-rowindex": 1 });
  #above = spacer();
  #below = spacer();
  #body = make("tbody", {}, this.#above, this.#below);
  #table;
  #waiting = false;

  constructor(label, columns, key, { order = null, nearEnd = () => {} } = {}) {
    this.#columns = columns;
    this.#key = key;
    this.#order = order;
    this.#nearEnd = nearEnd;
    this.#table = make("table", { "aria-label": label }, make("thead", {}, this.#head), this.#body);
    this.#table.style.setProperty("--row-height", `${ROW_PIXELS}px`);
    this.node = make(
      "div",
      {
        class: "scroller long",
        role: "region",
        tabindex: 0,
        "aria-label": label,
        onscroll: () => this.#renderSoon(),
        onkeydown: (event) => this.#onKey(event),
      },
      this.#table,
    );
    this.#showHead();
    new ResizeObserver(() => this.#renderSoon()).observe(this.node);
  }

  /** Show these rows. */
  setRows(rows) {
    this.#rows = this.#order === null ? rows : ordered(rows, this.#order);
    this.#table.setAttribute("aria-rowcount", this.#rows.length + 1);
    this.#renderSoon();
  }

  /** Make every row in sight anew: times that are shown as "3 s ago" go on. */
  refresh() {
    this.#shown.clear();
    this.#renderSoon();
  }

  #showHead() {
    const choose = this.#order === null ? null : (one) => this.#choose(one);
    this.#head.replaceChildren(...this.#columns.map((one) => heading(one, this.#order ?? {}, choose)));
  }

  #choose(one) {
    this.#order = chosenOrder(this.#order, one);
    this.#showHead();
    this.#head.children[this.#columns.indexOf(one)].querySelector("button").focus();
    this.setRows(this.#rows);
  }

  #renderSoon() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#render();
    });
  }

  #render() {
    const [first, end] = this.#inSight(ROWS_BESIDE);
    const focus = this.#focused();
    const wanted = this.#rows.slice(first, end).map((row, index) => this.#rowNode(row, first + index));
    const stays = new Set(wanted);
    // Room first, then what comes, then what goes: were the list shorter in between than
    // where it is scrolled to, the browser would scroll back.
    setHeight(this.#above, first);
    setHeight(this.#below, this.#rows.length - end);
    let place = this.#above;
    for (const node of wanted) {
      if (place.nextSibling !== node) place.after(node);
      place = node;
    }
    for (const node of [...this.#body.children]) {
      if (node !== this.#above && node !== this.#below && !stays.has(node)) node.remove();
    }
    for (const [key, { node }] of this.#shown) if (!stays.has(node)) this.#shown.delete(key);
    if (focus !== null && this.#focused() === null) this.#focusRow(this.#indexOf(focus));
    if (end === this.#rows.length) this.#nearEnd();
  }

  #rowNode(row, index) {
    const key = this.#key(row);
    let shown = this.#shown.get(key);
    if (shown?.row !== row) {
      shown = { row, node: make("tr", { tabindex: -1 }, cells(this.#columns, row)) };
      shown.node.dataset.key = key;
      this.#shown.set(key, shown);
    }
    shown.node.setAttribute("aria-rowindex", index + 2);
    return shown.node;
  }

  /** [first, end) of the rows in sight and some beside them. */
  #inSight(beside) {
    const top = Math.floor(this.node.scrollTop / ROW_PIXELS);
    const last = Math.min(this.#rows.length, top + this.#rowsInSight() + beside);
    return [Math.max(0, Math.min(top - beside, last)), last];
  }

  #rowsInSight() {
    return Math.ceil(this.node.clientHeight / ROW_PIXELS);
  }

  #onKey(event) {
    const step = STEPS[event.key];
    if (step === undefined || event.target.closest("th") || !this.#rows.length) return;
    event.preventDefault();
    const focused = this.#focused();
    const from = focused === null ? Math.ceil(this.node.scrollTop / ROW_PIXELS) - 1 : this.#indexOf(focused);
    const to = Math.max(0, Math.min(this.#rows.length - 1, from + step(this.#rowsInSight() - 2)));
    this.#render(); // rows that came just now make room to scroll to
    this.#scrollTo(to);
    this.#render();
    this.#focusRow(to);
  }

  #scrollTo(index) {
    const free = this.node.clientHeight - 2 * ROW_PIXELS;
    const top = index * ROW_PIXELS;
    if (top < this.node.scrollTop) this.node.scrollTop = top;
    else if (top > this.node.scrollTop + free) this.node.scrollTop = top - free;
  }

  /** The key of the row that has the focus; null where none has. */
  #focused() {
    return this.node.contains(document.activeElement) ? (document.activeElement.closest("tr")?.dataset.key ?? null) : null;
  }

  #indexOf(key) {
    return this.#rows.findIndex((row) => this.#key(row) === key);
  }

  #focusRow(index) {
    const node = index < 0 ? null : this.#shown.get(this.#key(this.#rows[index]))?.node;
    (node?.querySelector("a") ?? node ?? this.node).focus({ preventScroll: true });
  }
}

function spacer() {
  return make("tr", { class: "spacer", "aria-hidden": "true" }, make("td"));
}

function setHeight(row, rows) {
  row.style.height = `${rows * ROW_PIXELS}px`;
}
