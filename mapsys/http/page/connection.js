/** Whether the daemon can be asked: looked at every few seconds, told to whoever listens. */

import { getUnless, Problem, Unreachable } from "./api.js";

const LOOK_MILLISECONDS = 3_000;
const LOOK_WHILE_LOST_MILLISECONDS = 1_000;

/**
 * Asks for the status again and again.
 *
 * state: "connecting", "live", "lost", "away" (the daemon does not answer),
 * "token" (one is needed) or "denied". why: of a state that is not live. since: of
 * the state. status: the last one that came; null before, and where only some sites
 * may be seen.
 *
 * Events: "status" after each answer, "change" of the state or its reason, "healed" when it is live
 * again after it was not.
 */
class Connection extends EventTarget {
  state = "connecting";
  why = "";
  since = new Date();
  status = null;
  #timer = null;

  /** Begin; what comes back is fulfilled after the first look, whatever it found. */
  start() {
    window.addEventListener("online", () => this.lookNow());
    return this.#look();
  }

  /** Do not wait for the next look. */
  lookNow() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), 0);
  }

  async #look() {
    try {
      this.status = await getUnless("forbidden", "status");
      this.#enter("live", "");
      this.dispatchEvent(new Event("status"));
    } catch (error) {
      this.#enter(...stateOf(error));
    }
    const pause = this.state === "live" ? LOOK_MILLISECONDS : LOOK_WHILE_LOST_MILLISECONDS;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), pause);
  }

  #enter(state, why) {
    const before = this.state;
    if (state === before && why === this.why) return;
    if (state !== before) this.since = new Date();
    Object.assign(this, { state, why });
    this.dispatchEvent(new Event("change"));
    if (state === "live" && before !== "connecting") this.dispatchEvent(new Event("healed"));
  }
}

function stateOf(error) {
  if (error instanceof Unreachable) return ["lost", error.message];
  if (!(error instanceof Problem)) throw error;
  if (error.status === 401) return ["token", error.message];
  return [error.slug === "daemon-away" ? "away" : "denied", error.message];
}

export const connection = new Connection();
