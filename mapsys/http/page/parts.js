/** Small parts that several views show. */

import { column } from "./columns.js";
import { link, make } from "./dom.js";
import { eidText, ttl, until } from "./format.js";
import { eidAddress, siteAddress } from "./routes.js";
import { table } from "./table.js";

const TONES = {
  registered: "good",
  active: "good",
  up: "good",
  present: "good",
  announced: "good",
  "proxy-reply": "good",
  forward: "good",
  partial: "doubtful",
  "held-off": "doubtful",
  moved: "doubtful",
  withdrawn: "doubtful",
  late: "doubtful",
  removed: "bad",
  expired: "bad",
  negative: "doubtful",
  slow: "doubtful",
  disagreeing: "doubtful",
  unregistered: "bad",
  down: "bad",
  absent: "bad",
  "not-valid": "bad",
  silent: "bad",
  wrong: "bad",
};

/** A word that says how something stands; its colour only repeats it. */
export function badge(word, tone = TONES[word] ?? "plain") {
  return make("span", { class: `badge ${tone}` }, word);
}

/** A link to an EID's view. */
export function eidLink(eid, instanceId) {
  return link(eidAddress(eid, instanceId), eidText(eid, instanceId), { class: "eid" });
}

/** A link to a site's view; "-" for none. */
export function siteLink(name) {
  return name === null ? "-" : link(siteAddress(name), name);
}

const LOCATORS = [
  column("Locator", (one) => one.rloc),
  column("State", (one) => badge(one.reachable ? "up" : "down")),
  column("Priority/weight", (one) => shares(one.priority, one.weight)),
  column("Multicast", (one) => shares(one.m_priority, one.m_weight), { narrow: false }),
  column("Local", (one) => (one.local ? "yes" : "no"), { narrow: false }),
];

/** Of subscriptions. */
export const SUBSCRIPTIONS = [
  column("EID-Prefix", (one) => eidLink(one.eid_prefix, one.instance_id)),
  column("State", (one) => badge(one.state), { kind: "state" }),
  column("xTR-ID", (one) => make("span", { title: one.xtr_id }, one.xtr_id), { kind: "wide" }),
  column("ITR-RLOCs", (one) => one.itr_rlocs.join(", ") || "-", { narrow: false }),
  column("Key-ID", (one) => one.key_id, { kind: "short", narrow: false }),
  column("Ends", (one) => (one.ends_at === null ? "never" : until(one.ends_at)), { kind: "age", narrow: false }),
];

/** A record: its EID-Prefix, TTL and locators, or what is to be done without any. */
export function record(one) {
  const answer = one.action === null ? "" : `, negative: ${one.action}`;
  const kind = one.authoritative ? ", authoritative" : "";
  return make(
    "div",
    { class: "record" },
    make("p", {}, eidLink(one.eid_prefix, one.instance_id), `, record TTL ${ttl(one.record_ttl_minutes)}${kind}${answer}`),
    one.locators.length ? table(`Locators of ${one.eid_prefix}`, LOCATORS, one.locators) : null,
  );
}

/** An xTR of a move: "192.0.2.1 at 192.0.2.1". */
export function mover(one) {
  return `${one.registrant} at ${one.host}`;
}

/** Locators in one line: "192.0.2.1 1/100, 192.0.2.2 2/100". */
export function locatorLine(locators) {
  return locators.map((one) => `${one.rloc} ${one.priority}/${one.weight}`).join(", ");
}

/** A titled part of a view. */
export function part(title, ...children) {
  return make("section", { class: "part", "aria-label": title }, make("h2", {}, title), ...children);
}

let labels = 0;

/** A control with its label. */
export function labelled(text, control) {
  control.id = `labelled-${(labels += 1)}`;
  return make("div", { class: "field" }, make("label", { for: control.id }, text), control);
}

/** A choice of words. options: [value, text] each. */
export function choice(options, value, onchange) {
  const select = make("select", { onchange }, options.map(([one, text]) => make("option", { value: one }, text)));
  select.value = value;
  return select;
}

/** 255 means that a locator is not used (RFC 9301, 5.4). */
function shares(priority, weight) {
  return priority === 255 ? "not used" : `${priority}/${weight}`;
}
