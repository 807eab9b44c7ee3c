/** Which xTRs hear of changes of which EID-Prefixes. */

import { make } from "../dom.js";
import { SUBSCRIPTIONS } from "../parts.js";
import { ReadOn } from "../read_on.js";
import { View } from "../view.js";

export function open() {
  const view = new View("Subscriptions");
  const list = new ReadOn(view, "Subscriptions", SUBSCRIPTIONS, (one) => `${one.instance_id} ${one.eid_prefix} ${one.xtr_id}`, "subscription");
  const begin = () => list.begin("subscriptions");
  view.body.append(make("div", { class: "filters" }, make("button", { type: "button", onclick: begin }, "Read again")), list.said, list.node);
  begin();
  return view;
}
