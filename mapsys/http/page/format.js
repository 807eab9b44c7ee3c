/** Times, counts and EIDs as people read them. */

const NUMBER = new Intl.NumberFormat("en");

/** 12,345 */
export function count(number) {
  return NUMBER.format(number);
}

/** "1 site", "12,345 sites" */
export function counted(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** Seconds as "45 s", "3 min", "5 h 12 min", "8 d 3 h". */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long ago an RFC 3339 time was; "never" for null. */
export function ago(time) {
  return time === null ? "never" : `${duration((Date.now() - Date.parse(time)) / 1000)} ago`;
}

/** How long until an RFC 3339 time. */
export function until(time) {
  const seconds = (Date.parse(time) - Date.now()) / 1000;
  return seconds < 0 ? "now" : `in ${duration(seconds)}`;
}

/** An RFC 3339 time in UTC as "2026-01-31 12:00:00". */
export function clock(time) {
  return time.replace("T", " ").replace("Z", "");
}

/** An EID or EID-Prefix with its instance-ID, where that is not 0. */
export function eidText(eid, instanceId) {
  return instanceId ? `[${instanceId}] ${eid}` : eid;
}

/** Milliseconds of a time in seconds; "-" for null. */
export function milliseconds(seconds) {
  return seconds === null ? "-" : `${(seconds * 1000).toFixed(1)} ms`;
}

/** Minutes of a record TTL; null leaves it to the receiver. */
export function ttl(minutes) {
  return minutes === null ? "unset" : duration(minutes * 60);
}
