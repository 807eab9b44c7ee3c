/** What somebody should look at: the node, its configuration and sites, the ALT and the poller in one list. */

import { all, getUnless } from "../api.js";
import { connection } from "../connection.js";
import { link, make } from "../dom.js";
import { ago, count, counted } from "../format.js";
import { badge } from "../parts.js";
import { address, siteAddress } from "../routes.js";
import { siteList } from "../site_list.js";
import { View } from "../view.js";

const FRESH_MILLISECONDS = 5_000;

/** By a finding's severity. */
const TONES = { error: "bad", warning: "doubtful" };

/** Of one kind; more are counted only. */
const SHOWN = 50;

export function open() {
  const view = new View("Review");
  const said = make("p", { class: "said", role: "status" });
  const list = make("ul", { class: "findings" });
  view.body.append(said, list);
  let elsewhere = [];

  const show = () => {
    const findings = [...ofNode(connection.status), ...elsewhere, ...ofSites(siteList.sites)];
    list.replaceChildren(...findings.map(({ tone, about, says }) => make("li", {}, badge(about, tone), " ", says)));
    said.textContent = findings.length ? counted(findings.length, "finding") : "Nothing to look at.";
  };
  view.hear(connection, "status", show);
  view.hear(siteList, "change", show);
  view.atEnd(siteList.follow());
  view.keepFresh(async (signal) => {
    elsewhere = [...(await ofConfiguration(signal)), ...(await ofAlt(signal)), ...(await ofPoller(signal))];
    show();
  }, FRESH_MILLISECONDS);
  return view;
}

function ofNode(status) {
  if (status === null) return [];
  const findings = [
    ...status.not_ready.map((says) => ({ tone: "bad", about: "not ready", says })),
    ...status.degraded.map((says) => ({ tone: "bad", about: "degraded", says })),
  ];
  for (const one of status.listen) {
    if (one.receive_buffer_granted_octets < one.receive_buffer_asked_octets) {
      const says = `the system granted ${count(one.receive_buffer_granted_octets)} of ${count(one.receive_buffer_asked_octets)} octets to ${one.host} port ${one.port}; raise net.core.rmem_max`;
      findings.push({ tone: "doubtful", about: "receive buffer", says });
    }
    if (one.drops) {
      findings.push({ tone: "bad", about: "receive buffer", says: `${counted(one.drops, "datagram")} found no room at ${one.host} port ${one.port}` });
    }
  }
  if (status.failed_reloads) {
    findings.push({ tone: "doubtful", about: "reload", says: `${counted(status.failed_reloads, "configuration")} refused since the start` });
  }
  return findings;
}

function ofSites(sites) {
  const refused = sites.filter((site) => site.last_refusal !== null);
  const partial = sites.filter((site) => site.state === "partial");
  const silent = sites.filter((site) => site.state === "unregistered");
  return [
    ...refused.slice(0, SHOWN).map((site) => ({ tone: "bad", about: "refused", says: [link(siteAddress(site.name), site.name), `, ${ago(site.last_refusal.at)}: ${site.last_refusal.detail}; ${site.last_refusal.what_to_do}`] })),
    ...more(refused, "refused", "met a refusal"),
    ...more(partial, "partial", "registered in part", 0),
    ...more(silent, "unregistered", "not registered", 0),
  ];
}

function more(sites, state, says, shown = SHOWN) {
  if (sites.length <= shown) return [];
  const tone = state === "partial" ? "doubtful" : "bad";
  return [{ tone, about: state, says: link(address(["sites"], { state }), `${counted(sites.length, "site")} ${says}`) }];
}

/** By the checks of docs/review.md. */
async function ofConfiguration(signal) {
  const found = await all("review", {}, signal);
  return found.map((one) => ({
    tone: TONES[one.severity] ?? "plain",
    about: one.severity,
    says: [make("strong", {}, one.check), ` ${placeOf(one)}: ${one.message}; ${one.what_to_do}`, make("span", { class: "said" }, ` (docs/review.md: ${one.check})`)],
  }));
}

function placeOf({ file, line, column, path: where }) {
  return file === null ? where : `${file}:${line}:${column} ${where}`;
}

async function ofAlt(signal) {
  if (!connection.status?.roles.includes("alt")) return [];
  const [peers, rejected] = [await all("alt/peers", {}, signal), await all("alt/rejected", {}, signal)];
  return [
    ...peers.filter((peer) => peer.state !== "up").map((peer) => ({ tone: "bad", about: `session ${peer.state}`, says: link(address(["alt"]), `${peer.neighbor}, ${peer.role}${peer.why === null ? "" : `: ${peer.why}`}`) })),
    ...(rejected.length ? [{ tone: "doubtful", about: "refused routes", says: link(address(["alt"]), `${counted(rejected.length, "route")} on the ALT against policy`) }] : []),
  ];
}

async function ofPoller(signal) {
  const cycle = await getUnless("no-poll-results", "poller", { limit: 1 }, signal);
  if (cycle === null) return [];
  const flagged = Object.entries(cycle.flagged).filter(([, number]) => number);
  return flagged.map(([flag, number]) => ({ tone: "doubtful", about: flag, says: link(address(["poller"], { flag }), counted(number, "polled EID")) }));
}
