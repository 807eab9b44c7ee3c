/** Who changed what: orders to this node, the newest first. For admins; others are told so. */

import { column } from "../columns.js";
import { make } from "../dom.js";
import { clock } from "../format.js";
import { badge } from "../parts.js";
import { ReadOn } from "../read_on.js";
import { View } from "../view.js";

const COLUMNS = [
  column("When (UTC)", (one) => clock(one.at), { kind: "time" }),
  column("What", (one) => one.what),
  column("Who", (one) => one.who ?? (one.uid === null ? "-" : `uid ${one.uid}`)),
  column("From", (one) => one.from ?? (one.pid === null ? "-" : `process ${one.pid}`), { narrow: false }),
  column("Result", (one) => (one.result === null ? "-" : badge(one.result, one.result === "done" ? "good" : "plain")), { narrow: false }),
  column("About", about, { kind: "wide", narrow: false }),
];

function about(one) {
  const text = Object.entries(one.about)
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");
  return make("span", { title: text }, text || "-");
}

export function open() {
  const view = new View("Audit");
  const list = new ReadOn(view, "Audit", COLUMNS, (one) => `${one.at} ${one.request_id} ${one.what} ${JSON.stringify(one.about)}`, "order");
  const begin = () => list.begin("audit");
  view.body.append(make("div", { class: "filters" }, make("button", { type: "button", onclick: begin }, "Read again")), list.said, list.node);
  begin();
  return view;
}
