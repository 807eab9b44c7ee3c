/** Where the sites are: on a map, and as a table of those that it has in sight. */

import { column } from "../columns.js";
import { make } from "../dom.js";
import { count } from "../format.js";
import { LongTable } from "../long_table.js";
import { badge, choice, labelled, siteLink } from "../parts.js";
import { rememberQuery } from "../routes.js";
import { siteList } from "../site_list.js";
import { View } from "../view.js";
import { WorldMap } from "../world_map.js";

const STATES = [
  ["", "any state"],
  ["registered", "registered"],
  ["partial", "partial"],
  ["unregistered", "unregistered"],
];

const COLUMNS = [
  column("Site", (site) => siteLink(site.name), { sort: (site) => site.name }),
  column("State", (site) => badge(site.state), { sort: (site) => site.state, kind: "state" }),
  column("Place", (site) => site.place.name ?? "-", { sort: (site) => site.place.name }),
  column("Latitude", (site) => degrees(site.place.latitude, "N", "S"), { sort: (site) => site.place.latitude, kind: "number", narrow: false }),
  column("Longitude", (site) => degrees(site.place.longitude, "E", "W"), { sort: (site) => site.place.longitude, kind: "number", narrow: false }),
  column("Told by", (site) => site.place.told_by, { sort: (site) => site.place.told_by, kind: "time", narrow: false }),
];

export function open({ query }) {
  const view = new View("Map");
  const map = new WorldMap("Sites by their places");
  const list = new LongTable("Sites in sight", COLUMNS, (site) => site.name, { order: { column: COLUMNS[0], descending: false } });
  const said = make("p", { class: "said", role: "status" });
  const state = choice(STATES, query.get("state") ?? "", () => {
    rememberQuery({ state: state.value });
    show();
  });
  view.body.append(make("div", { class: "filters" }, labelled("State", state)), map.node, said, list.node);

  function show() {
    const placed = siteList.sites.filter((site) => site.place !== null);
    const chosen = placed.filter((site) => state.value === "" || site.state === state.value);
    map.setSites(chosen);
    const inSight = map.inSight();
    list.setRows(inSight);
    const without = siteList.sites.length - placed.length;
    const reading = siteList.complete ? "" : "; reading on";
    said.textContent = `${count(inSight.length)} of ${count(chosen.length)} sites in sight${without ? `; ${count(without)} have no place` : ""}${reading}`;
  }

  view.hear(siteList, "change", show);
  view.hear(map, "look", show);
  view.atEnd(siteList.follow());
  show();
  return view;
}

function degrees(value, positive, negative) {
  return `${Math.abs(value).toFixed(2)}° ${value < 0 ? negative : positive}`;
}
