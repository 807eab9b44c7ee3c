/** One site: its EID-Prefixes, xTRs, keys, and its last refusal with what to do. */

import { get, getUnless, pages, path } from "../api.js";
import { column } from "../columns.js";
import { link, make } from "../dom.js";
import { ago, clock, count, eidText, until } from "../format.js";
import { badge, eidLink, locatorLine, part } from "../parts.js";
import { address } from "../routes.js";
import { lastHour } from "../sparkline.js";
import { facts, table } from "../table.js";
import { View } from "../view.js";

const FRESH_MILLISECONDS = 5_000;

/** Registrations shown here; the rest is one link away. */
const REGISTRATIONS_SHOWN = 100;

const EIDS = [
  column("EID-Prefix", (one) => eidLink(one.eid_prefix, one.instance_id)),
  column("State", (one) => badge(one.registered ? "registered" : "unregistered")),
  column("Registered in it", (one) => count(one.registered) + (one.counted_in_full ? "" : "+"), { kind: "number" }),
  column("Accepting more specifics", (one) => (one.accept_more_specifics ? "yes" : "no"), { narrow: false }),
];

const REGISTRATIONS = [
  column("EID-Prefix", (one) => eidLink(one.eid_prefix, one.instance_id)),
  column("xTR", (one) => one.source),
  column("xTR-ID", (one) => one.xtr_id ?? "-", { narrow: false }),
  column("Last registered", (one) => ago(one.last_seen)),
  column("Expires", (one) => until(one.expires_at), { narrow: false }),
  column("Flags", (one) => one.flags.join(", ") || "-", { narrow: false }),
  column("Locators", (one) => locatorLine(one.locators) || `negative: ${one.action}`),
];

const KEYS = [
  column("Key-ID", (one) => one.key_id),
  column("Algorithms", (one) => one.algorithms.join(", ")),
  column("Valid now", (one) => (one.valid_now ? "yes" : "no")),
  column("Holder", (one) => one.holder ?? "the site", { narrow: false }),
  column("Last used", (one) => one.uses.map((use) => `${ago(use.last_used_at)} (${use.secret} secret)`).join(", ") || "never"),
];

export function open({ parts: [, name] }) {
  const view = new View(`Site ${name}`);
  view.keepFresh(
    async (signal) => {
      const [site, keys, first] = await Promise.all([
        get(path("sites", name), {}, signal),
        getUnless("forbidden", path("sites", name, "keys"), {}, signal),
        firstRegistrations(name, signal),
      ]);
      view.body.replaceChildren(...partsOf(site, keys, first));
    },
    FRESH_MILLISECONDS,
    (event) => event.site === name,
  );
  return view;
}

async function firstRegistrations(site, signal) {
  const page = await pages("registrations", { site, limit: REGISTRATIONS_SHOWN }, signal).next();
  return page.value;
}

function partsOf(site, keys, { items, next }) {
  const more = site.eids.every((one) => one.counted_in_full) ? "" : " or more";
  const every = link(address(["registrations"], { site: site.name }), "all of them");
  return [
    facts([
      ["State", badge(site.state)],
      ["Last registered", ago(site.last_accepted_at)],
      ["xTRs", `${count(site.xtrs)}${more}`],
      ["Map-Registers accepted", count(site.accepted)],
      ["Map-Registers refused", count(site.refused)],
      ["Last hour", make("span", { class: "last-hour" }, lastHour(site))],
      ["Place", place(site.place)],
    ]),
    part("Last refusal", refusal(site.last_refusal)),
    part("EID-Prefixes", table("EID-Prefixes", EIDS, site.eids)),
    part("Registrations", table("Registrations", REGISTRATIONS, items, "None at present."), next === null ? "" : make("p", {}, `The first ${items.length}; `, every, ".")),
    keys === null ? "" : part("Keys", table("Keys", KEYS, keys.items)),
  ];
}

function place(one) {
  if (one === null) return "not told";
  const by = one.told_by === "locator" ? "by a registered locator" : "by the configuration";
  return [one.name === null ? "" : `${one.name}, `, link(address(["map"]), `${one.latitude}, ${one.longitude}`), ` (${by})`];
}

function refusal(last) {
  if (last === null) return make("p", { class: "empty" }, "None since the start.");
  return facts([
    ["When", `${ago(last.at)} (${clock(last.at)} UTC)`],
    ["From", last.source],
    ["EID-Prefix", last.eid_prefix === null ? "-" : eidText(last.eid_prefix, last.instance_id)],
    ["Reason", badge(last.reason, "bad")],
    ["In detail", last.detail],
    ["What to do", last.what_to_do],
  ]);
}
