/** All configured sites, read page by page and kept fresh while a view shows them. */

import { get, isFailure, pages, path } from "./api.js";
import { connection } from "./connection.js";
import { liveEvents } from "./live_events.js";

const GATHER_MILLISECONDS = 300;

/** More changed sites than these are read again all at once. */
const ONE_BY_ONE = 20;

/** Between two full readings; a thousand sites may take this much longer each. */
const FRESH_MILLISECONDS = 5_000;

/**
 * sites: in the API's order. complete: whether the first reading is over.
 * Events: "change".
 */
class SiteList extends EventTarget {
  complete = false;
  #byName = new Map();
  #changed = new Set();
  #gathering = null;
  #reading = null;
  #readAt = 0;

  get sites() {
    return [...this.#byName.values()];
  }

  /** Keep the list fresh until the function that comes back is called. */
  follow() {
    const onEvents = (event) => this.#note(event.detail);
    const onReset = () => this.read();
    liveEvents.addEventListener("events", onEvents);
    liveEvents.addEventListener("reset", onReset);
    connection.addEventListener("healed", onReset);
    this.read();
    const timer = setInterval(() => {
      if (Date.now() - this.#readAt > FRESH_MILLISECONDS * (1 + this.#byName.size / 1_000)) this.read();
    }, 1_000);
    return () => {
      clearInterval(timer);
      liveEvents.removeEventListener("events", onEvents);
      liveEvents.removeEventListener("reset", onReset);
      connection.removeEventListener("healed", onReset);
    };
  }

  /** Read everything anew; where that fails, the sites stay as they were. */
  read() {
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = null;
      this.#readAt = Date.now();
    });
    return this.#reading;
  }

  async #readAll() {
    const found = new Map();
    try {
      for await (const page of pages("sites")) {
        for (const site of page.items) found.set(site.name, site);
        if (!this.complete) this.#show(found);
      }
    } catch (error) {
      if (!isFailure(error)) throw error;
      return;
    }
    this.complete = true;
    this.#show(found);
  }

  #show(byName) {
    this.#byName = byName;
    this.dispatchEvent(new Event("change"));
  }

  #note(events) {
    for (const event of events) if (event.site !== null) this.#changed.add(event.site);
    this.#gathering ??= setTimeout(() => this.#readChanged(), GATHER_MILLISECONDS);
  }

  async #readChanged() {
    this.#gathering = null;
    const names = [...this.#changed].filter((name) => this.#byName.has(name));
    this.#changed.clear();
    if (names.length > ONE_BY_ONE) {
      await this.read();
      return;
    }
    await Promise.all(names.map((name) => this.#readOne(name)));
    if (names.length) this.#show(this.#byName);
  }

  async #readOne(name) {
    try {
      this.#byName.set(name, await get(path("sites", name)));
    } catch (error) {
      if (!isFailure(error)) throw error;
    }
  }
}

export const siteList = new SiteList();
