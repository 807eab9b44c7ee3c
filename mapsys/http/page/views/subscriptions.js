/** Which xTRs hear of changes of which EID-Prefixes, read as far as one scrolls. */

import { pages } from "../api.js";
import { column } from "../columns.js";
import { make } from "../dom.js";
import { counted, until } from "../format.js";
import { LongTable } from "../long_table.js";
import { badge, eidLink } from "../parts.js";
import { View } from "../view.js";

const COLUMNS = [
  column("EID-Prefix", (one) => eidLink(one.eid_prefix, one.instance_id)),
  column("State", (one) => badge(one.state), { kind: "state" }),
  column("xTR-ID", (one) => make("span", { title: one.xtr_id }, one.xtr_id), { kind: "wide" }),
  column("ITR-RLOCs", (one) => one.itr_rlocs.join(", ") || "-", { narrow: false }),
  column("Key-ID", (one) => one.key_id, { kind: "short", narrow: false }),
  column("Ends", (one) => (one.ends_at === null ? "when it is removed" : until(one.ends_at)), { kind: "age", narrow: false }),
];

export function open() {
  const view = new View("Subscriptions");
  const said = make("p", { class: "said", role: "status" });
  const list = new LongTable("Subscriptions", COLUMNS, (one) => `${one.instance_id} ${one.eid_prefix} ${one.xtr_id}`, { nearEnd: readOn });
  const again = make("button", { type: "button", onclick: begin }, "Read again");
  view.body.append(make("div", { class: "filters" }, again), said, list.node);

  let reading = null;

  function begin() {
    reading = { pages: pages("subscriptions"), items: [], done: false, busy: false };
    list.setRows([]);
    said.textContent = "Reading";
    return readOn();
  }

  async function readOn() {
    const now = reading;
    if (now === null || now.done || now.busy) return;
    now.busy = true;
    let done = true; // after a failure there is nothing to read on from
    await view.attempt(async () => {
      const { value } = await now.pages.next();
      now.items = now.items.concat(value.items);
      done = value.next === null;
    });
    Object.assign(now, { done, busy: false });
    if (now !== reading) return;
    list.setRows(now.items);
    said.textContent = `${counted(now.items.length, "subscription")}${now.done ? "" : " so far; scroll on for more"}`;
  }

  begin();
  return view;
}
