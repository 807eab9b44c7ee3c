/** Starts the page: its head, and the view that the address names. */

import { useToken } from "./api.js";
import { connection } from "./connection.js";
import { link, make } from "./dom.js";
import { clock, counted, duration, milliseconds } from "./format.js";
import { liveEvents } from "./live_events.js";
import { badge, labelled } from "./parts.js";
import { address, currentRoute, eidAddress } from "./routes.js";
import { startTheme } from "./theme.js";
import { trialText } from "./trial.js";
import { View } from "./view.js";
import * as alt from "./views/alt.js";
import * as audit from "./views/audit.js";
import * as eid from "./views/eid.js";
import * as events from "./views/events.js";
import * as lig from "./views/lig.js";
import * as map from "./views/map.js";
import * as overview from "./views/overview.js";
import * as poller from "./views/poller.js";
import * as registrations from "./views/registrations.js";
import * as review from "./views/review.js";
import * as site from "./views/site.js";
import * as sites from "./views/sites.js";
import * as subscriptions from "./views/subscriptions.js";

const VIEWS = [
  ["", "Overview", overview],
  ["sites", "Sites", sites],
  ["map", "Map", map],
  ["registrations", "Registrations", registrations],
  ["eids", "EID", eid],
  ["alt", "ALT", alt],
  ["events", "Events", events],
  ["lig", "lig", lig],
  ["poller", "Poller", poller],
  ["subscriptions", "Subscriptions", subscriptions],
  ["review", "Review", review],
  ["audit", "Audit", audit],
];

const PARTS = Object.fromEntries(["skip", "node", "find", "theme", "views", "connection", "main"].map((id) => [id, document.getElementById(id)]));

let current = null;

function showView() {
  current?.stop();
  const route = currentRoute();
  current = viewOf(route).open(route);
  showTitle();
  PARTS.main.replaceChildren(current.node);
  for (const one of PARTS.views.querySelectorAll("a")) {
    if (one.hash.split("/")[1] === (route.parts[0] ?? "")) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
}

function viewOf({ parts }) {
  if (parts[0] === "sites" && parts.length === 2) return site;
  const known = VIEWS.find(([name]) => name === (parts[0] ?? ""));
  if (known === undefined || parts.length > (parts[0] === "eids" ? 2 : 1)) return unknown;
  return known[2];
}

const unknown = {
  open() {
    const view = new View("Nothing here");
    view.body.append(make("p", {}, "This page has no view at ", make("code", {}, location.hash), "; choose one above."));
    return view;
  },
};

function showTitle() {
  document.title = `${current?.title ?? "Status"} - ${connection.status?.node ?? "mapsys"}`;
}

function showNode() {
  if (connection.status === null) {
    PARTS.node.replaceChildren(make("strong", {}, "mapsys"), make("span", { class: "facts-line" }, "some sites, by this token"));
    return;
  }
  showTitle();
  PARTS.node.replaceChildren(...fleet([connection.status]));
}

/** A line for each node. */
function fleet(nodes) {
  return nodes.map((one) =>
    make(
      "div",
      { class: "fleet-node" },
      make("strong", {}, one.node),
      badge(one.ready ? "ready" : "not ready", one.ready ? "good" : "bad"),
      one.not_ready.length ? make("span", {}, one.not_ready.join("; ")) : "",
      one.degraded.length ? badge("degraded", "doubtful") : "",
      ...trial(one),
      ...sharing(one.fleet),
      make("span", { class: "facts-line" }, `mapsys ${one.version}, engine ${one.engine}, ${one.roles.join(", ")}, up ${duration(one.uptime_seconds)}, ${counted(one.sites, "site")}, ${counted(one.registrations, "registration")}`),
    ),
  );
}

function trial(one) {
  const text = trialText(one);
  return text === null ? [] : [badge("unconfirmed", "doubtful"), make("span", {}, text)];
}

/** What is shared with other nodes, and with whom. */
function sharing(shared) {
  if (shared === null) return [];
  const lost = shared.members.filter((member) => !member.live).map((member) => member.name);
  const since = `${clock(shared.since)} UTC`;
  const state = shared.degraded
    ? [badge("fleet degraded", "doubtful"), make("span", {}, `since ${since}: ${shared.problem}`)]
    : [badge("fleet up", "good")];
  const silent = !shared.degraded && lost.length ? `, silent: ${lost.join(", ")}` : "";
  const members = counted(shared.members.length, "member");
  const outbox = `${counted(shared.outbox, "record")} in the outbox`;
  return [...state, make("span", { class: "facts-line" }, `${members}${silent}, lag ${milliseconds(shared.lag_seconds)}, ${outbox}`)];
}

function showConnection() {
  const { state, why, since } = connection;
  document.body.dataset.connection = state;
  if (state === "live" || state === "connecting") {
    PARTS.connection.replaceChildren();
  } else if (state === "token") {
    PARTS.connection.replaceChildren(tokenForm(why));
  } else {
    const time = clock(since.toISOString().slice(0, 19));
    PARTS.connection.replaceChildren(
      make("p", { class: "banner", role: "alert" }, `Connection lost at ${time} UTC: ${why}. What is shown is from before; it is tried again.`),
    );
  }
}

function tokenForm(why) {
  const field = make("input", { type: "password", required: true, autocomplete: "off" });
  const onsubmit = (event) => {
    event.preventDefault();
    useToken(field.value.trim());
    connection.lookNow();
  };
  return make("form", { class: "banner", onsubmit }, make("p", { role: "alert" }, why), labelled("Token", field), make("button", { type: "submit" }, "Use it"));
}

async function start() {
  startTheme(PARTS.theme);
  PARTS.views.append(...VIEWS.map(([name, title]) => link(address(name ? [name] : []), title)));
  PARTS.skip.addEventListener("click", () => PARTS.main.focus());
  PARTS.find.addEventListener("submit", (event) => {
    event.preventDefault();
    location.hash = eidAddress(PARTS.find.elements[0].value.trim());
  });
  connection.addEventListener("status", showNode);
  connection.addEventListener("change", showConnection);
  await connection.start();
  window.addEventListener("hashchange", () => {
    showView();
    PARTS.main.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  });
  showView();
  liveEvents.start();
}

start();
