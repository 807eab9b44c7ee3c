/** The ALT: neighbours, what is announced and what stands behind it, what was refused and why. */

import { all } from "../api.js";
import { altGraph } from "../alt_graph.js";
import { column } from "../columns.js";
import { connection } from "../connection.js";
import { make } from "../dom.js";
import { ago, count } from "../format.js";
import { LongTable } from "../long_table.js";
import { badge, eidLink, part } from "../parts.js";
import { table } from "../table.js";
import { View } from "../view.js";

const FRESH_MILLISECONDS = 5_000;

const INSTANCE = column("Instance-ID", (one) => one.instance_id, { kind: "number", narrow: false });
const PREFIX = column("EID-Prefix", (one) => eidLink(one.eid_prefix, one.instance_id));

const PEERS = [
  INSTANCE,
  column("Neighbour", (one) => one.neighbor),
  column("Role", (one) => one.role),
  column("State", (one) => badge(one.state)),
  column("Since", (one) => ago(one.since), { narrow: false }),
  column("AS", (one) => one.peer_as, { kind: "number", narrow: false }),
  column("Tunnel", (one) => one.name, { narrow: false }),
  column("Accepted", (one) => count(one.accepted), { kind: "number" }),
  column("Refused", (one) => count(one.refused), { kind: "number" }),
  column("Told", (one) => count(one.told), { kind: "number", narrow: false }),
  column("Why it ended last", (one) => one.why ?? "-", { narrow: false }),
];

const AGGREGATES = [
  INSTANCE,
  PREFIX,
  column("Kind", (one) => one.kind),
  column("State", (one) => badge(one.announced ? "announced" : "held back", one.announced ? "good" : "doubtful")),
  column("Components known", (one) => `${one.components} of ${one.delegated}`, { kind: "number" }),
  column("Suppressed more specifics", (one) => count(one.suppressed), { kind: "number", narrow: false }),
];

const REJECTED = [
  INSTANCE,
  PREFIX,
  column("From", (one) => one.peer ?? "this node"),
  column("Reason", (one) => badge(one.reason, "bad")),
  column("In detail", (one) => one.why),
  column("Delegation", (one) => one.delegation ?? "-", { narrow: false }),
  column("AS path", (one) => one.as_path.join(" ") || "-", { narrow: false }),
];

const DELEGATIONS = [
  INSTANCE,
  PREFIX,
  column("Level", (one) => one.level, { narrow: false }),
  column("Holder", (one) => one.holder),
  column("Providers", (one) => one.providers.join(", ") || "-", { narrow: false }),
  column("State", (one) => badge(one.state)),
];

const TUNNELS = [
  INSTANCE,
  column("Tunnel", (one) => one.name ?? "none"),
  column("By", (one) => one.backend, { narrow: false }),
  column("Remote", (one) => one.remote ?? "-"),
  column("Key", (one) => one.key ?? "-", { kind: "number", narrow: false }),
  column("Packets in", (one) => count(one.packets_in), { kind: "number" }),
  column("Packets out", (one) => count(one.packets_out), { kind: "number" }),
  column("Dropped", (one) => Object.entries(one.dropped).map(([reason, number]) => `${reason} ${count(number)}`).join(", ") || "-"),
];

const ROUTES = [
  PREFIX,
  column("By", (one) => one.peer ?? "this node"),
  column("In use", (one) => (one.in_use ? "yes" : "no"), { kind: "state" }),
  column("AS path", (one) => one.as_path.join(" ") || "-", { narrow: false }),
  column("Told", (one) => one.told.join(", ") || "-", { narrow: false }),
  column("Withheld from", withheld, { kind: "wide", narrow: false }),
];

const LISTS = ["peers", "aggregates", "rejected", "delegations", "tunnels", "routes"];

export function open() {
  const view = new View("ALT");
  const short = make("div");
  const routes = new LongTable("Routes", ROUTES, (one) => `${one.instance_id} ${one.eid_prefix} ${one.peer}`);
  const long = part("Routes", routes.node);
  long.hidden = true;
  view.body.append(short, long);
  view.keepFresh(async (signal) => {
    const [peers, aggregates, rejected, delegations, tunnels, known] = await Promise.all(LISTS.map((list) => all(`alt/${list}`, {}, signal)));
    short.replaceChildren(
      part("Sessions", altGraph(connection.status?.node ?? "this node", peers, aggregates), table("Sessions", PEERS, peers)),
      part("Aggregates", table("Aggregates", AGGREGATES, aggregates)),
      part("Refused routes", table("Refused routes", REJECTED, rejected)),
      part("Delegations", table("Delegations", DELEGATIONS, delegations)),
      part("Tunnels", table("Tunnels", TUNNELS, tunnels)),
    );
    routes.setRows(known);
    long.hidden = known.length === 0;
  }, FRESH_MILLISECONDS);
  return view;
}

function withheld(route) {
  const reasons = route.withheld.map((one) => `${one.peer}: ${one.reason}`).join(", ");
  return make("span", { title: route.withheld.map((one) => one.why).join("; ") }, reasons || "-");
}
