/** A configuration that was reloaded on trial: when it goes back, and who is trying it. */

import { get, isFailure } from "./api.js";
import { clock } from "./format.js";

/** Among so many of the newest orders; a trial lets no other reload in. */
const ORDERS_LOOKED_AT = 100;

/** The trial asked about last, so that the trail is read once for each. */
const asked = { at: null, who: null };

/** A sentence about the trial; null where the configuration is confirmed. */
export function trialText(status) {
  if (status.unconfirmed_seconds === null) return null;
  if (asked.at !== status.last_reload_at) {
    Object.assign(asked, { at: status.last_reload_at, who: null });
    askWho();
  }
  const who = asked.who === null ? "" : ` by ${asked.who}`;
  return `rolls back in ${status.unconfirmed_seconds} s; reloaded ${clock(status.last_reload_at)} UTC${who}`;
}

/** The audit trail is for admins; for others nobody is named. */
async function askWho() {
  try {
    const { items } = await get("audit", { limit: ORDERS_LOOKED_AT });
    asked.who = items.find((one) => one.what === "reload" && one.about.confirm_within)?.who ?? null;
  } catch (error) {
    if (!isFailure(error)) throw error;
  }
}
