/** A small line that shows how a number went. */

import { makeSvg } from "./dom.js";

const WIDTH = 120;
const HEIGHT = 28;

/** A picture of the numbers, oldest first. */
export function sparkline(label, numbers) {
  const highest = Math.max(1, ...numbers);
  const step = WIDTH / Math.max(1, numbers.length - 1);
  const points = numbers.map((number, index) => `${(index * step).toFixed(1)},${(HEIGHT - 1 - (number / highest) * (HEIGHT - 2)).toFixed(1)}`);
  return makeSvg(
    "svg",
    { class: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${label}, highest ${highest.toFixed(1)}` },
    makeSvg("polyline", { points: points.join(" ") }),
  );
}
