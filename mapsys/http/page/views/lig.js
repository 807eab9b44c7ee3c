/** lig in the browser: asks a Map-Resolver for the mapping of an EID, and shows what comes back. */

import { getUnless, post } from "../api.js";
import { make } from "../dom.js";
import { count, milliseconds } from "../format.js";
import { choice, labelled, part, record } from "../parts.js";
import { rememberQuery } from "../routes.js";
import { facts } from "../table.js";
import { View } from "../view.js";

const THIS_NODE = "";

export function open({ query }) {
  const view = new View("lig");
  const fields = {
    eid: make("input", { value: query.get("eid") ?? "", required: true, autocomplete: "off", spellcheck: "false" }),
    "instance-id": make("input", { value: query.get("instance-id") ?? "", inputmode: "numeric", pattern: "[0-9]*", size: 8 }),
    "map-resolver": choice([[THIS_NODE, "this node"]], THIS_NODE, null),
  };
  const button = make("button", { type: "submit" }, "Ask");
  const answer = make("div", { role: "status" });
  const form = make(
    "form",
    { class: "filters", onsubmit: ask },
    labelled("EID", fields.eid),
    labelled("Instance-ID", fields["instance-id"]),
    labelled("Map-Resolver", fields["map-resolver"]),
    button,
  );
  view.body.append(form, answer);

  // The server asks itself, or a Map-Resolver that its poller asks.
  view.attempt(async (signal) => {
    const polled = await getUnless("no-poll-results", "poller", { limit: 1 }, signal);
    fields["map-resolver"].append(...(polled?.map_resolvers ?? []).map((one) => make("option", { value: one }, one)));
  });

  async function ask(event) {
    event.preventDefault();
    const asked = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value.trim()]));
    rememberQuery({ eid: asked.eid, "instance-id": asked["instance-id"] });
    button.disabled = true;
    answer.replaceChildren(make("p", {}, "Asking"));
    await view.attempt(async (signal) => {
      const came = await post("map-requests", bodyOf(asked), signal).finally(() => answer.replaceChildren());
      answer.replaceChildren(...partsOf(came));
    });
    button.disabled = false;
  }

  return view;
}

function bodyOf(asked) {
  return {
    eid: asked.eid,
    instance_id: Number(asked["instance-id"]),
    map_resolver: asked["map-resolver"] || null,
  };
}

function partsOf(came) {
  return [
    facts([
      ["Map-Resolver asked", came.map_resolver],
      ["Map-Replier", came.map_replier],
      ["Round-trip time", milliseconds(came.rtt_seconds)],
      ["Map-Requests sent", count(came.requests_sent)],
    ]),
    part("Mapping", record(came.record)),
    came.others.length ? part("Also in the Map-Reply", came.others.map(record)) : "",
  ];
}
