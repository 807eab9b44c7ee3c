/** What the poller found: EIDs that are answered silently, wrongly, slowly or in different ways. */

import { all, get, getUnless } from "../api.js";
import { column } from "../columns.js";
import { make } from "../dom.js";
import { ago, count, duration, milliseconds } from "../format.js";
import { LongTable } from "../long_table.js";
import { badge, choice, eidLink, labelled, part, siteLink } from "../parts.js";
import { rememberQuery } from "../routes.js";
import { facts } from "../table.js";
import { View } from "../view.js";

const FRESH_MILLISECONDS = 5_000;

const FLAGS = [
  ["", "every EID"],
  ["any", "any flag"],
  ["silent", "silent"],
  ["wrong", "wrong"],
  ["slow", "slow"],
  ["disagreeing", "disagreeing"],
];

const COLUMNS = [
  column("EID", (one) => eidLink(one.eid, one.instance_id)),
  column("Flags", (one) => (one.flags.length ? make("span", {}, one.flags.map((flag) => badge(flag))) : badge("as it should be", "good"))),
  column("Site", (one) => siteLink(one.site), { narrow: false }),
  column("Expected", (one) => one.expected ?? "-", { narrow: false }),
  column("Heard", heard, { kind: "wide", narrow: false }),
];

export function open({ query }) {
  const view = new View("Poller");
  const top = make("div");
  const lines = make("pre", { class: "difference", tabindex: 0, "aria-label": "What the last daily dump has different" });
  const list = new LongTable("Polled EIDs", COLUMNS, (one) => `${one.instance_id} ${one.eid}`);
  const flag = choice(FLAGS, query.get("flag") ?? "", () => {
    rememberQuery({ flag: flag.value });
    again();
  });
  const rest = make("div", { hidden: true }, make("div", { class: "filters" }, labelled("Flag", flag)), list.node, part("Since the daily dump before", lines));
  view.body.append(top, rest);
  const again = view.keepFresh(async (signal) => {
    const wanted = flag.value;
    const cycle = await get("poller", { limit: 1 }, signal);
    const items = await all("poller", { flag: wanted }, signal);
    const difference = await getUnless("no-poll-results", "poller/dumps/latest/diff", {}, signal);
    top.replaceChildren(summary(cycle));
    list.setRows(items);
    lines.textContent = difference === null ? "There is no dump yet." : difference.lines.join("\n") || "Nothing is different.";
    rest.hidden = false;
  }, FRESH_MILLISECONDS);
  return view;
}

function summary(cycle) {
  const flagged = Object.entries(cycle.flagged).filter(([, number]) => number);
  return facts([
    ["Last cycle", `${ago(cycle.finished_at)}, every ${duration(cycle.interval_seconds)}`],
    ["EIDs asked for", count(cycle.eids)],
    ["Flagged", flagged.length ? flagged.map(([flag, number]) => make("span", {}, badge(flag), ` ${count(number)} `)) : "none"],
    ["Map-Resolvers asked", cycle.map_resolvers.join(", ")],
    ...cycle.problems.map((problem) => ["Problem", problem]),
  ]);
}

function heard(one) {
  const answers = one.heard.map((each) => `${each.answer} from ${each.map_resolver} after ${milliseconds(each.rtt_seconds)}`);
  return make("span", { title: answers.join("\n") }, answers.join("; "));
}
