/** Small lines that show how numbers went. */

import { makeSvg } from "./dom.js";

const WIDTH = 120;
const HEIGHT = 28;

/** A picture of numbers, oldest first. also: others on the same scale, drawn as bad ones. */
export function sparkline(label, numbers, also = []) {
  const highest = Math.max(1, ...numbers, ...also);
  return makeSvg(
    "svg",
    { class: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    line(numbers, highest, ""),
    also.length ? line(also, highest, "bad") : null,
  );
}

function line(numbers, highest, className) {
  const step = WIDTH / Math.max(1, numbers.length - 1);
  const points = numbers.map((number, index) => `${(index * step).toFixed(1)},${(HEIGHT - 1 - (number / highest) * (HEIGHT - 2)).toFixed(1)}`);
  return makeSvg("polyline", { class: className || null, points: points.join(" ") });
}

/** How many a site sent in each minute of the last hour: accepted, and refused beside them. */
export function lastHour({ accepted_per_minute: accepted, refused_per_minute: refused }) {
  if (!accepted.length && !refused.length) return "quiet";
  const says = `last hour: ${sum(accepted)} accepted, ${sum(refused)} refused`;
  return sparkline(says, accepted.length ? accepted : refused.map(() => 0), refused);
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
