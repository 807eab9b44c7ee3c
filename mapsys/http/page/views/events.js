/** What takes place, as it takes place. */

import { column } from "../columns.js";
import { make } from "../dom.js";
import { clock, counted } from "../format.js";
import { liveEvents } from "../live_events.js";
import { LongTable } from "../long_table.js";
import { badge, choice, eidLink, labelled, mover, siteLink } from "../parts.js";
import { rememberQuery } from "../routes.js";
import { View } from "../view.js";

const KINDS = [
  ["", "everything"],
  ["registered", "registered"],
  ["changed", "changed"],
  ["moved", "moved"],
  ["withdrawn", "withdrawn"],
  ["expired", "expired"],
  ["refused", "refused"],
  ["dropped", "dropped"],
];

const TONES = { registered: "good", moved: "doubtful", withdrawn: "doubtful", expired: "bad", refused: "bad", dropped: "bad" };

const SAID = {
  waiting: "waiting for the server",
  open: "live",
  closed: "not live at present; it is tried again",
};

const COLUMNS = [
  column("When (UTC)", when, { kind: "time" }),
  column("What", (one) => badge(one.kind, TONES[one.kind] ?? "plain"), { kind: "state" }),
  column("Site", (one) => siteLink(one.site)),
  column("EID-Prefix", (one) => (one.eid_prefix === null ? "-" : eidLink(one.eid_prefix, one.instance_id)), { narrow: false }),
  column("From", (one) => one.source ?? "-", { narrow: false }),
  column("In detail", detail, { kind: "wide", narrow: false }),
];

/** Of a move, the xTRs before and the one now. */
function detail(one) {
  if (one.move === null) return make("span", { title: one.detail }, one.detail ?? "-");
  const [before, now] = [one.move.previous, [one.move.by]].map((xtrs) => xtrs.map(briefly).join(", "));
  const whole = `from ${one.move.previous.map(mover).join(", ")} to ${mover(one.move.by)}`;
  return make("span", { class: "move", title: whole }, before, make("span", { class: "arrow", "aria-label": "to" }, " → "), now);
}

/** An xTR by the end of its xTR-ID, which tells those of a site apart. */
function briefly(one) {
  const { registrant, host } = one;
  return registrant.length === 32 ? `…${registrant.slice(-6)} at ${host}` : mover(one);
}

/** The day is left out where there is no room. */
function when({ at }) {
  const [day, time] = clock(at).split(" ");
  return make("span", {}, make("span", { class: "wide-only" }, `${day} `), time);
}

export function open({ query }) {
  const view = new View("Events");
  const list = new LongTable("Events", COLUMNS, (one) => String(one.serial));
  const said = make("p", { class: "said", role: "status" });
  const kind = choice(KINDS, query.get("kind") ?? "", () => {
    rememberQuery({ kind: kind.value });
    show();
  });
  const hold = make("button", { type: "button", "aria-pressed": "false", onclick: toggle }, "Hold");
  view.body.append(make("div", { class: "filters" }, labelled("What", kind), hold), said, list.node);

  function held() {
    return hold.getAttribute("aria-pressed") === "true";
  }

  function toggle() {
    hold.setAttribute("aria-pressed", String(!held()));
    show();
  }

  function show() {
    if (held()) {
      said.textContent = "held; press again to go on";
      return;
    }
    const chosen = liveEvents.items.filter((one) => kind.value === "" || one.kind === kind.value);
    list.setRows(chosen);
    said.textContent = `${counted(chosen.length, "event")}, newest first; ${SAID[liveEvents.state]}`;
  }

  view.hear(liveEvents, "events", show);
  view.hear(liveEvents, "change", show);
  show();
  return view;
}
