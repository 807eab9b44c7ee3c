/** The daemon's events as they come, from /api/v1/events; the newest are kept. */

import { get, isFailure, stream, Unreachable } from "./api.js";
import { connection } from "./connection.js";

const KEPT = 2_000;
const BACKLOG = 200;
const AGAIN_MILLISECONDS = 2_000;

/** The server gives a sign of life every 15 s. */
const SILENCE_MILLISECONDS = 40_000;

/**
 * Reads the stream while the page is open.
 *
 * items: newest first, each as the API gives it. state: "waiting", "open" or "closed".
 * Events: "events" (detail: those that came, oldest first), "reset" when some were
 * missed, "change" of the state.
 */
class LiveEvents extends EventTarget {
  items = [];
  state = "waiting";
  #lastId = null;

  /** Read on until the page is left. */
  async start() {
    for (;;) {
      if (connection.state !== "live") await nextStatus();
      try {
        await this.#read();
      } catch (error) {
        if (!isFailure(error) && error.name !== "AbortError") throw error;
      }
      this.#enter("closed");
      await new Promise((again) => setTimeout(again, AGAIN_MILLISECONDS));
    }
  }

  async #read() {
    this.#lastId ??= await someTimeAgo();
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MILLISECONDS);
    try {
      const response = await stream("events", { "Last-Event-ID": this.#lastId }, silence.signal);
      this.#enter("open");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MILLISECONDS);
        const blocks = (rest + part.value).split("\n\n");
        rest = blocks.pop();
        this.#take(blocks.map(readBlock).filter((block) => block.data));
      }
    } catch (error) {
      if (error instanceof TypeError) throw new Unreachable("the stream of events broke off", { cause: error });
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #take(blocks) {
    if (!blocks.length) return;
    this.#lastId = blocks.at(-1).id;
    if (blocks.some((block) => block.event === "reset")) this.dispatchEvent(new Event("reset"));
    const came = blocks.filter((block) => block.event !== "reset").map((block) => JSON.parse(block.data));
    if (!came.length) return;
    this.items = [...came.toReversed(), ...this.items].slice(0, KEPT);
    this.dispatchEvent(new CustomEvent("events", { detail: came }));
  }

  #enter(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

function nextStatus() {
  return new Promise((came) => connection.addEventListener("status", came, { once: true }));
}

/** The id of an event some way back, so that the log does not begin empty. */
async function someTimeAgo() {
  const { session, serial } = await get("changes");
  return `${session}-${Math.max(0, serial - BACKLOG)}`;
}

function readBlock(block) {
  const fields = {};
  for (const line of block.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
  }
  return fields;
}

export const liveEvents = new LiveEvents();
