/** lig in the browser: asks for the mapping of an EID, and shows what comes back. */

import { get, path } from "../api.js";
import { make } from "../dom.js";
import { badge, labelled, part, record, siteLink } from "../parts.js";
import { rememberQuery } from "../routes.js";
import { facts } from "../table.js";
import { View } from "../view.js";

export function open({ query }) {
  const view = new View("lig");
  const fields = {
    eid: make("input", { value: query.get("eid") ?? "", required: true, autocomplete: "off", spellcheck: "false" }),
    "instance-id": make("input", { value: query.get("instance-id") ?? "", inputmode: "numeric", pattern: "[0-9]*", size: 8 }),
  };
  const button = make("button", { type: "submit" }, "Ask");
  const answer = make("div", { role: "status" });
  const form = make("form", { class: "filters", onsubmit: ask }, labelled("EID", fields.eid), labelled("Instance-ID", fields["instance-id"]), button);
  view.body.append(form, answer);

  async function ask(event) {
    event.preventDefault();
    const asked = { eid: fields.eid.value.trim(), "instance-id": fields["instance-id"].value.trim() };
    rememberQuery(asked);
    button.disabled = true;
    answer.replaceChildren(make("p", {}, "Asking"));
    await view.attempt(async (signal) => {
      const parts = await looked(asked, signal).finally(() => answer.replaceChildren());
      answer.replaceChildren(...parts);
    });
    button.disabled = false;
  }

  return view;
}

async function looked(asked, signal) {
  const found = await get(path("lookup", asked.eid), { "instance-id": asked["instance-id"] }, signal);
  return [
    make("p", { class: "verdict" }, badge(found.outcome), ` ${found.why}`),
    facts([["Site", siteLink(found.site)]]),
    part("Mapping", found.record === null ? make("p", { class: "empty" }, "The answer is elsewhere.") : record(found.record)),
  ];
}
