/** Registrations in the order of their EID-Prefixes, filtered by the server, read as far as one scrolls. */

import { column } from "../columns.js";
import { make } from "../dom.js";
import { ago, until } from "../format.js";
import { choice, eidLink, labelled, locatorLine, siteLink } from "../parts.js";
import { ReadOn } from "../read_on.js";
import { rememberQuery } from "../routes.js";
import { View } from "../view.js";

const AGE_MILLISECONDS = 5_000;

const MATCHES = [
  ["covered", "inside it (covered)"],
  ["exact", "the same (exact)"],
  ["longest", "the longest match"],
  ["covering", "around it (covering)"],
];

const COLUMNS = [
  column("EID-Prefix", (one) => eidLink(one.eid_prefix, one.instance_id)),
  column("Site", (one) => siteLink(one.site), { narrow: false }),
  column("xTR", (one) => one.source, { narrow: false }),
  column("Last registered", (one) => ago(one.last_seen), { kind: "time" }),
  column("Expires", (one) => until(one.expires_at), { kind: "time", narrow: false }),
  column("Locators", (one) => locatorLine(one.locators) || `negative: ${one.action}`, { kind: "wide", narrow: false }),
];

export function open({ query }) {
  const view = new View("Registrations");
  const fields = {
    site: make("input", { value: query.get("site") ?? "", autocomplete: "off" }),
    prefix: make("input", { value: query.get("prefix") ?? "", autocomplete: "off", placeholder: "198.18.0.0/16" }),
    match: choice(MATCHES, query.get("match") ?? "covered", null),
    "instance-id": make("input", { value: query.get("instance-id") ?? "", inputmode: "numeric", pattern: "[0-9]*", size: 8 }),
  };
  const list = new ReadOn(view, "Registrations", COLUMNS, keyOf, "registration");
  const form = make(
    "form",
    { class: "filters", onsubmit: search },
    labelled("Site", fields.site),
    labelled("EID-Prefix", fields.prefix),
    labelled("How it compares", fields.match),
    labelled("Instance-ID", fields["instance-id"]),
    make("button", { type: "submit" }, "Show"),
  );
  view.body.append(form, list.said, list.node);

  function chosen() {
    const values = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value.trim()]));
    return values.prefix === "" ? { ...values, match: "" } : values;
  }

  function search(event) {
    event.preventDefault();
    rememberQuery(chosen());
    begin();
  }

  function begin() {
    return list.begin("registrations", chosen());
  }

  view.every(AGE_MILLISECONDS, () => list.refresh());
  begin();
  return view;
}

function keyOf(one) {
  return `${one.instance_id} ${one.eid_prefix} ${one.site} ${one.registrant}`;
}
