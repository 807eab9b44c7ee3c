/** All sites: how each is registered, and why the last Map-Register was refused. */

import { column } from "../columns.js";
import { make } from "../dom.js";
import { ago, count } from "../format.js";
import { LongTable } from "../long_table.js";
import { badge, choice, labelled, siteLink } from "../parts.js";
import { rememberQuery } from "../routes.js";
import { siteList } from "../site_list.js";
import { lastHour } from "../sparkline.js";
import { View } from "../view.js";

const AGE_MILLISECONDS = 5_000;

const STATES = [
  ["", "any state"],
  ["registered", "registered"],
  ["partial", "partial"],
  ["unregistered", "unregistered"],
  ["refused", "refused lately"],
];

const COLUMNS = [
  column("Site", (site) => siteLink(site.name), { sort: (site) => site.name }),
  column("State", (site) => badge(site.state), { sort: (site) => site.state, kind: "state" }),
  column("Last registered", (site) => ago(site.last_accepted_at), { sort: (site) => timeOf(site.last_accepted_at), kind: "age" }),
  column("xTRs", (site) => count(site.xtrs), { sort: (site) => site.xtrs, kind: "short", narrow: false }),
  column("Registrations", registered, { sort: registrations, kind: "number", narrow: false }),
  column("Last hour", lastHour, { kind: "spark", narrow: false }),
  column("Accepted", (site) => count(site.accepted), { sort: (site) => site.accepted, kind: "short", narrow: false }),
  column("Refused", (site) => count(site.refused), { sort: (site) => site.refused, kind: "short", narrow: false }),
  column("Last refusal", refusal, { sort: (site) => timeOf(site.last_refusal?.at ?? null), kind: "some", narrow: false }),
];

export function open({ query }) {
  const view = new View("Sites");
  const list = new LongTable("Sites", COLUMNS, (site) => site.name, { order: { column: COLUMNS[0], descending: false } });
  const said = make("p", { class: "said", role: "status" });
  const search = make("input", { type: "search", value: query.get("text") ?? "", oninput: choose, autocomplete: "off" });
  const state = choice(STATES, query.get("state") ?? "", choose);
  view.body.append(make("div", { class: "filters" }, labelled("Name or EID-Prefix", search), labelled("State", state)), said, list.node);

  function choose() {
    rememberQuery({ text: search.value, state: state.value });
    show();
  }

  function show() {
    const sites = siteList.sites;
    const chosen = sites.filter((site) => hasState(site, state.value) && hasText(site, search.value.trim().toLowerCase()));
    list.setRows(chosen);
    said.textContent = siteList.complete
      ? `${count(chosen.length)} of ${count(sites.length)} sites`
      : `${count(sites.length)} sites so far, reading on`;
  }

  view.hear(siteList, "change", show);
  view.atEnd(siteList.follow());
  view.every(AGE_MILLISECONDS, () => list.refresh());
  show();
  return view;
}

function hasState(site, wanted) {
  if (wanted === "refused") return site.last_refusal !== null;
  return wanted === "" || site.state === wanted;
}

function hasText(site, wanted) {
  return wanted === "" || site.name.toLowerCase().includes(wanted) || site.eids.some((one) => one.eid_prefix.includes(wanted));
}

function registrations(site) {
  return site.eids.reduce((sum, one) => sum + one.registered, 0);
}

function registered(site) {
  const more = site.eids.every((one) => one.counted_in_full) ? "" : "+";
  return count(registrations(site)) + more;
}

function refusal({ last_refusal: last }) {
  return last === null ? "-" : make("span", { title: last.detail }, `${ago(last.at)}: ${last.reason}`);
}

function timeOf(time) {
  return time === null ? null : Date.parse(time);
}
