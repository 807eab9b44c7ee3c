/** What every view has: a heading, a place for what went wrong, and an end. */

import { isFailure } from "./api.js";
import { connection } from "./connection.js";
import { make } from "./dom.js";
import { liveEvents } from "./live_events.js";

const GATHER_MILLISECONDS = 300;

/** One view. Whatever it starts by these methods ends with it. */
export class View {
  #problem = make("p", { class: "problem", role: "alert", hidden: true });
  #stops = [];
  #ends = new AbortController();

  constructor(title) {
    this.title = title;
    this.body = make("div", { class: "body" });
    this.node = make("section", { "aria-label": title }, make("h1", {}, title), this.#problem, this.body);
  }

  /** Call something at the end. */
  atEnd(stop) {
    this.#stops.push(stop);
  }

  /** Hear an event until the end. */
  hear(target, type, listener) {
    target.addEventListener(type, listener, { signal: this.#ends.signal });
  }

  /** Call something again and again. */
  every(milliseconds, action) {
    const timer = setInterval(action, milliseconds);
    this.atEnd(() => clearInterval(timer));
  }

  /**
   * Load now, every so often, when the connection has healed, and soon after events
   * that concern it. load: gets an AbortSignal. Returns what loads at once.
   */
  keepFresh(load, milliseconds, concerns = () => false) {
    let loading = null;
    let soon = null;
    const again = () => {
      loading ??= this.attempt(load).finally(() => {
        loading = null;
      });
      return loading;
    };
    this.every(milliseconds, again);
    this.hear(connection, "healed", again);
    this.hear(liveEvents, "events", (event) => {
      if (!event.detail.some(concerns)) return;
      clearTimeout(soon);
      soon = setTimeout(again, GATHER_MILLISECONDS);
    });
    this.atEnd(() => clearTimeout(soon));
    again();
    return again;
  }

  /** Do something that may fail, and say so where it does. */
  async attempt(action) {
    try {
      await action(this.#ends.signal);
      this.say("");
    } catch (error) {
      if (this.#ends.signal.aborted) return;
      if (!isFailure(error)) throw error;
      this.say(error.message);
    }
  }

  /** Show what went wrong; nothing for an empty text. */
  say(problem) {
    this.#problem.hidden = problem === "";
    this.#problem.textContent = problem;
  }

  /** The view is left. */
  stop() {
    this.#ends.abort();
    for (const stop of this.#stops) stop();
  }
}
