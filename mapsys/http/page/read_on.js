/** A long list that is read from the API page by page, as far as one scrolls. */

import { pages } from "./api.js";
import { connection } from "./connection.js";
import { make } from "./dom.js";
import { counted } from "./format.js";
import { LongTable } from "./long_table.js";

/** said: the line that says how much was read; node: the list. What failed is read again when the connection has healed. */
export class ReadOn {
  #view;
  #one;
  #many;
  #list;
  #reading = null;

  /** one, many: what a row is called. keyOf: names a row among all. */
  constructor(view, label, columns, keyOf, one, many = `${one}s`) {
    this.#view = view;
    this.#one = one;
    this.#many = many;
    this.#list = new LongTable(label, columns, keyOf, { nearEnd: () => this.#readOn() });
    this.said = make("p", { class: "said", role: "status" });
    this.node = this.#list.node;
    view.hear(connection, "healed", () => {
      if (this.#reading?.failed) this.begin(...this.#reading.asked);
    });
  }

  /** Read the list at a path of the API from its start. */
  begin(path, parameters = {}) {
    this.#reading = { asked: [path, parameters], pages: pages(path, parameters), items: [], done: false, busy: false, failed: false };
    this.#list.setRows([]);
    this.said.textContent = "Reading";
    return this.#readOn();
  }

  /** Show again what was read, whose ages have changed. */
  refresh() {
    this.#list.refresh();
  }

  async #readOn() {
    const now = this.#reading;
    if (now === null || now.done || now.busy) return;
    now.busy = true;
    let failed = true;
    let done = true; // after a failure there is nothing to read on from
    await this.#view.attempt(async () => {
      const { value } = await now.pages.next();
      now.items = now.items.concat(value.items);
      done = value.next === null;
      failed = false;
    });
    Object.assign(now, { done, failed, busy: false });
    if (now !== this.#reading) return;
    this.#list.setRows(now.items);
    const read = counted(now.items.length, this.#one, this.#many);
    this.said.textContent = failed ? "" : `${read}${now.done ? "" : " so far; scroll on for more"}`;
  }
}
