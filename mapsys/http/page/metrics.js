/** Samples of /metrics (Prometheus text), for counters that the API does not carry. */

import { text } from "./api.js";

const SAMPLE = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;

/** Every sample: [{name, labels, value}]; names without "mapsys_". */
export async function samples() {
  return read(await text("metrics"));
}

/** Those of one family, the largest first. */
export function family(found, name) {
  return found.filter((sample) => sample.name === name).sort((one, other) => other.value - one.value);
}

/** The sum of a family. */
export function total(found, name) {
  return family(found, name).reduce((sum, sample) => sum + sample.value, 0);
}

function read(lines) {
  const found = [];
  for (const line of lines.split("\n")) {
    const match = SAMPLE.exec(line);
    if (match === null) continue;
    const labels = Object.fromEntries([...(match[2] ?? "").matchAll(LABEL)].map(([, name, value]) => [name, value]));
    found.push({ name: match[1].replace(/^mapsys_/, ""), labels, value: Number(match[3]) });
  }
  return found;
}
