/** How the node is: what is registered, what comes and goes, sockets, configuration. */

import { column } from "../columns.js";
import { connection } from "../connection.js";
import { link, make } from "../dom.js";
import { ago, clock, count } from "../format.js";
import { family, samples, total } from "../metrics.js";
import { part } from "../parts.js";
import { address } from "../routes.js";
import { sparkline } from "../sparkline.js";
import { facts, table } from "../table.js";
import { View } from "../view.js";

const FRESH_MILLISECONDS = 5_000;

const STATES = ["registered", "partial", "unregistered"];

const COUNTED = [
  ["Map-Requests answered", "map_requests_answered_total"],
  ["Registrations new or changed", "registrations_changed_total"],
  ["Registrations refreshed", "registrations_refreshed_total"],
  ["Registrations withdrawn", "registrations_withdrawn_total"],
  ["Registrations moved", "registrations_moved_total"],
  ["Registrations expired", "registrations_expired_total"],
  ["Registrations refused", "registrations_refused_total"],
];

const SOCKETS = [
  column("Address", (one) => `${one.host} port ${one.port}`),
  column("Receive buffer", (one) => `${count(one.receive_buffer_granted_octets)} octets`, { kind: "number" }),
  column("Asked for", (one) => `${count(one.receive_buffer_asked_octets)} octets`, { kind: "number", narrow: false }),
  column("Dropped for want of room", (one) => count(one.drops), { kind: "number" }),
];

/** Rates of this visit, so that they are there again on coming back. */
const rates = { at: 0, received: 0, perSecond: [] };

export function open() {
  const view = new View("Overview");
  const cards = make("div", { class: "cards" });
  const rest = make("div");
  view.body.append(cards, rest);
  let found = null;

  const show = () => {
    if (connection.status === null || found === null) return;
    cards.replaceChildren(...cardsOf(connection.status, found));
    rest.replaceChildren(...partsOf(connection.status, found));
  };
  view.hear(connection, "status", show);
  view.keepFresh(async () => {
    found = await samples();
    noteRate(total(found, "messages_received_total"));
    show();
  }, FRESH_MILLISECONDS);
  return view;
}

function cardsOf(status, found) {
  const states = family(found, "sites").sort((one, other) => STATES.indexOf(one.labels.state) - STATES.indexOf(other.labels.state));
  return [
    card("Sites", count(status.sites), states.map((sample) => stateLink(sample.labels.state, sample.value))),
    card("Registrations", count(status.registrations), [
      family(found, "registrations_active").filter((sample) => sample.value).map((sample) => line(sample.labels.af, sample.value)),
    ]),
    card("Messages a second", (rates.perSecond.at(-1) ?? 0).toFixed(1), [sparkline(`Messages a second, highest ${Math.max(0, ...rates.perSecond).toFixed(1)}`, rates.perSecond)]),
    card("Messages dropped", count(total(found, "messages_dropped_total")), [
      make("p", {}, `${count(total(found, "messages_received_total"))} received`),
    ]),
  ];
}

function card(title, value, details) {
  return make("section", { class: "card", "aria-label": title }, make("h2", {}, title), make("p", { class: "figure" }, value), ...details);
}

function line(name, number) {
  return make("p", {}, `${count(number)} ${name}`);
}

function stateLink(state, number) {
  return make("p", {}, link(address(["sites"], { state }), `${count(number)} ${state}`));
}

function partsOf(status, found) {
  const sentences = [...status.not_ready.map((one) => `Not ready: ${one}`), ...status.degraded.map((one) => `Degraded: ${one}`)];
  return [
    sentences.length ? part("What is wrong", make("ul", { class: "findings" }, sentences.map((one) => make("li", {}, one)))) : "",
    part("Registering and asking", facts(COUNTED.map(([name, metric]) => [name, count(total(found, metric))]))),
    part("Dropped messages by reason", table("Dropped messages by reason", DROPPED, dropped(found), "None so far.")),
    part("Sockets", table("Sockets", SOCKETS, status.listen)),
    part(
      "Configuration",
      facts([
        ["In force", status.config_hash],
        ["Read", `${ago(status.last_reload_at)} (${clock(status.last_reload_at)} UTC)`],
        ["Reloads refused", count(status.failed_reloads)],
        ["Journal", status.journal_writing ? "writes" : "does not write: registrations are refused"],
        ["Engine", `${status.engine}: ${status.engine_reason}`],
        ["Started", `${clock(status.started_at)} UTC`],
      ]),
    ),
  ];
}

const DROPPED = [
  column("Message", (sample) => sample.labels.type ?? "any"),
  column("Reason", (sample) => sample.labels.reason),
  column("Dropped", (sample) => count(sample.value), { kind: "number" }),
];

function dropped(found) {
  return family(found, "messages_dropped_total").filter((sample) => sample.value > 0);
}

function noteRate(received) {
  const now = performance.now();
  if (rates.at && received >= rates.received) {
    rates.perSecond.push(((received - rates.received) * 1000) / (now - rates.at));
    if (rates.perSecond.length > 60) rates.perSecond.shift();
  }
  Object.assign(rates, { at: now, received });
}
