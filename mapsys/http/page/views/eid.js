/** One EID: who answers for it, why, what moved, and its way over the ALT. */

import { get, getUnless, path } from "../api.js";
import { column } from "../columns.js";
import { connection } from "../connection.js";
import { link, make } from "../dom.js";
import { ago, clock, milliseconds, until } from "../format.js";
import { badge, eidLink, labelled, locatorLine, mover, part, record, siteLink, SUBSCRIPTIONS } from "../parts.js";
import { address, eidAddress } from "../routes.js";
import { facts, table } from "../table.js";
import { View } from "../view.js";

const FRESH_MILLISECONDS = 5_000;

const REASONS = [column("About", (one) => one.topic), column("Reason", (one) => one.text)];

const REGISTRATIONS = [
  column("EID-Prefix", (one) => eidLink(one.eid_prefix, one.instance_id)),
  column("xTR", (one) => one.source),
  column("xTR-ID", (one) => one.xtr_id ?? "-", { narrow: false }),
  column("Key-ID", (one) => `${one.key_id}, ${one.algorithm}`, { narrow: false }),
  column("First registered", (one) => ago(one.first_seen), { narrow: false }),
  column("Last registered", (one) => ago(one.last_seen)),
  column("Expires", (one) => until(one.expires_at), { narrow: false }),
  column("Locators", (one) => locatorLine(one.locators) || `negative: ${one.action}`),
];

/** The API lists them in the order of their EID-Prefixes, without a choice. */
const SUBSCRIPTIONS_SHOWN = 100;

/** Entries shown; the API has the rest. */
const HISTORY_SHOWN = 50;

const HISTORY = [
  column("When", (one) => `${clock(one.at)} UTC`),
  column("What", (one) => badge(one.what)),
  column("EID-Prefix", (one) => eidLink(one.eid_prefix, one.instance_id)),
  column("Before", (one) => one.previous.map(mover).join(", ") || "-"),
  column("xTR", (one) => mover(one.by)),
  column("Key-ID", (one) => one.key_id, { kind: "number", narrow: false }),
  column("Site", (one) => siteLink(one.site), { narrow: false }),
];

const HOPS = [
  column("Hop", (one) => one.hops, { kind: "number" }),
  column("Node", (one) => one.node ?? "no answer"),
  column("EID-Prefix", (one) => one.eid_prefix ?? "-"),
  column("What it does", (one) => one.does ?? "-"),
  column("After", (one) => milliseconds(one.rtt_seconds), { kind: "number" }),
];

export function open({ parts: [, eid], query }) {
  const instanceId = query.get("instance-id") ?? "";
  const view = new View(eid === undefined ? "EID" : `EID ${eid}`);
  const fields = {
    eid: make("input", { value: eid ?? "", required: true, autocomplete: "off", spellcheck: "false" }),
    instanceId: make("input", { value: instanceId, inputmode: "numeric", pattern: "[0-9]*", size: 8 }),
  };
  const form = make(
    "form",
    {
      class: "filters",
      onsubmit: (event) => {
        event.preventDefault();
        location.hash = eidAddress(fields.eid.value.trim(), fields.instanceId.value.trim());
      },
    },
    labelled("EID or EID-Prefix", fields.eid),
    labelled("Instance-ID", fields.instanceId),
    make("button", { type: "submit" }, "Explain"),
  );
  const found = make("div", { role: "status" });
  view.body.append(form, found);
  if (eid === undefined) return view;

  const parameters = { "instance-id": instanceId };
  view.keepFresh(
    async (signal) => {
      const [explained, history] = await Promise.all([
        get(path("explain", eid), parameters, signal),
        get(path("history", eid), { ...parameters, limit: HISTORY_SHOWN }, signal),
      ]);
      const subscribed = await subscriptionsTo(explained, signal);
      found.replaceChildren(...partsOf(explained, eid, history, subscribed));
    },
    FRESH_MILLISECONDS,
    (event) => event.eid_prefix !== null,
  );
  if (connection.status?.roles.includes("alt")) view.body.append(trace(view, eid, parameters));
  return view;
}

/** Subscriptions to any of the EID-Prefixes in an explanation; null where only some sites may be seen. */
async function subscriptionsTo({ instance_id: instanceId, rule, answer, registrations }, signal) {
  const prefixes = new Set([rule, ...answer.map((one) => one.eid_prefix), ...registrations.map((one) => one.eid_prefix)]);
  const lists = [];
  for (const prefix of prefixes) {
    if (prefix === null) continue;
    const page = await getUnless("forbidden", "subscriptions", { prefix: `[${instanceId}]${prefix}`, limit: SUBSCRIPTIONS_SHOWN }, signal);
    if (page === null) return null;
    lists.push(page);
  }
  return { items: lists.flatMap((one) => one.items), all: lists.every((one) => one.next === null) };
}

function partsOf(explained, eid, history, subscribed) {
  return [
    make("p", { class: "verdict" }, badge(explained.outcome), ` ${explained.why}`),
    facts([
      ["Site", siteLink(explained.site)],
      ["Configured EID-Prefix", explained.rule ?? "-"],
      ["Passed on to", explained.etr ?? "-"],
      ["Instance-ID", explained.instance_id],
      ["Ask it for real", link(address(["lig"], { eid, "instance-id": explained.instance_id || null }), "lig")],
    ]),
    part("What a Map-Reply would hold", explained.answer.length ? make("div", {}, explained.answer.map(record)) : make("p", { class: "empty" }, "This node sends none.")),
    part("Who registered it", table("Who registered it", REGISTRATIONS, explained.registrations, "Nobody at present.")),
    part("Why", table("Why", REASONS, explained.reasons)),
    subscribed === null ? "" : subscriptions(subscribed),
    part(
      "History",
      table("History", HISTORY, history.items, "None is remembered."),
      history.next === null ? "" : make("p", { class: "said" }, `The newest ${history.items.length}.`),
    ),
  ];
}

function subscriptions({ items, all }) {
  const rest = all ? "" : make("p", { class: "said" }, `The first ${SUBSCRIPTIONS_SHOWN} of each EID-Prefix; see `, link(address(["subscriptions"]), "all of them"), ".");
  return part("Who hears of changes", table("Who hears of changes", SUBSCRIPTIONS, items, "No xTR subscribed to these EID-Prefixes."), rest);
}

function trace(view, eid, parameters) {
  const hops = make("div", { role: "status" });
  const ask = () =>
    view.attempt(async (signal) => {
      hops.replaceChildren(make("p", {}, "Asking"));
      const way = await get(path("alt", "trace", eid), parameters, signal).finally(() => hops.replaceChildren());
      hops.replaceChildren(table("Way over the ALT", HOPS, way.hops), way.complete ? "" : make("p", {}, "Its end was not found."));
    });
  return part("Way over the ALT", make("button", { type: "button", onclick: ask }, "Trace"), hops);
}
