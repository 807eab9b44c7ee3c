/** A map of the world with sites on it: drawn here, without tiles or anything else from elsewhere. */

import { make, makeSvg } from "./dom.js";
import { counted } from "./format.js";
import { LAND } from "./land.js";

/** In half degrees, as land.js has them. */
const WORLD = { x: 0, y: 0, width: 720, height: 288 };
const NORTHERN_EDGE = 84;

const DEEPEST = 64;

/** Between two lines of the graticule: the smallest that leaves room for what they are called. */
const STEPS_DEGREES = [1, 2, 5, 10, 30, 60];
const STEP_PIXELS = 60;

/** On the screen, whatever the depth. */
const CLUSTER_PIXELS = 30;
const POINT_PIXELS = 6;
const TEXT_PIXELS = 11;

/** The worst first: a cluster is drawn as its worst site. */
const STATES = ["unregistered", "partial", "registered"];

/** Shows sites that have a place. Events: "look" when another part of the world is shown. */
export class WorldMap extends EventTarget {
  #sites = [];
  #middle = { x: WORLD.width / 2, y: WORLD.height / 2 };
  #depth = 1;
  #drawn = "";
  #graticule = makeSvg("g", { class: "graticule", "aria-hidden": "true" });
  #points = makeSvg("g");
  #svg;
  #buttons;

  constructor(label) {
    super();
    const land = makeSvg("path", { class: "land", d: LAND.join("") });
    this.#svg = makeSvg("svg", { role: "group", "aria-label": label }, land, this.#graticule, this.#points);
    this.#buttons = [
      make("button", { type: "button", onclick: () => this.#look(this.#depth * 2) }, "Closer"),
      make("button", { type: "button", onclick: () => this.#look(this.#depth / 2) }, "Wider"),
      make("button", { type: "button", onclick: () => this.#look(1) }, "Whole world"),
    ];
    this.node = make("div", { class: "world" }, make("div", { class: "world-tools" }, this.#buttons), this.#svg);
    new ResizeObserver(() => this.#draw()).observe(this.#svg);
  }

  /** Show these sites; each has a place. */
  setSites(sites) {
    this.#sites = sites;
    this.#draw();
  }

  /** Those sites that are in sight. */
  inSight() {
    const { x, y, width, height } = this.#box();
    return this.#sites.filter((site) => {
      const at = positionOf(site.place);
      return at.x >= x && at.x <= x + width && at.y >= y && at.y <= y + height;
    });
  }

  #look(depth, middle = this.#middle) {
    this.#depth = Math.min(DEEPEST, Math.max(1, depth));
    this.#middle = middle;
    this.#draw();
    this.dispatchEvent(new Event("look"));
  }

  #box() {
    const width = WORLD.width / this.#depth;
    const height = WORLD.height / this.#depth;
    const x = Math.min(WORLD.width - width, Math.max(0, this.#middle.x - width / 2));
    const y = Math.min(WORLD.height - height, Math.max(0, this.#middle.y - height / 2));
    return { x, y, width, height };
  }

  #draw() {
    const box = this.#box();
    const unit = box.width / (this.#svg.clientWidth || WORLD.width);
    this.#svg.setAttribute("viewBox", `${box.x} ${box.y} ${box.width} ${box.height}`);
    this.#buttons[0].disabled = this.#depth === DEEPEST;
    this.#buttons[1].disabled = this.#buttons[2].disabled = this.#depth === 1;
    const clusters = clustersOf(this.inSight(), CLUSTER_PIXELS * unit);
    const drawing = JSON.stringify([box, unit, clusters.map((one) => [one.x, one.y, one.state, one.sites.length, nameOf(one)])]);
    if (drawing === this.#drawn) return; // what has the focus keeps it
    this.#drawn = drawing;
    const focused = document.activeElement?.closest(".world-point")?.dataset.key;
    this.#graticule.replaceChildren(...graticule(box, unit));
    this.#points.replaceChildren(...clusters.map((one) => this.#point(one, unit)));
    if (focused !== undefined) [...this.#points.children].find((one) => one.dataset.key === focused)?.focus();
  }

  #point(cluster, unit) {
    const many = cluster.sites.length > 1;
    const radius = (many ? Math.min(16, 8 + 2 * Math.log10(cluster.sites.length)) : POINT_PIXELS) * unit;
    const closer = () => this.#look(this.#depth * 4, { x: cluster.x, y: cluster.y });
    const onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      closer();
    };
    const name = nameOf(cluster);
    const point = makeSvg(
      "g",
      { class: `world-point ${cluster.state}`, role: "button", tabindex: 0, "aria-label": name, onclick: closer, onkeydown },
      makeSvg("circle", { cx: cluster.x, cy: cluster.y, r: radius, "stroke-width": 1.5 * unit }),
      many ? makeSvg("text", { x: cluster.x, y: cluster.y + 0.35 * TEXT_PIXELS * unit, "font-size": TEXT_PIXELS * unit }, short(cluster.sites.length)) : null,
      makeSvg("title", {}, name),
    );
    point.dataset.key = cluster.key;
    return point;
  }
}

function positionOf({ latitude, longitude }) {
  return { x: 2 * (longitude + 180), y: 2 * (NORTHERN_EDGE - Math.min(NORTHERN_EDGE, Math.max(-60, latitude))) };
}

/** Sites near each other are drawn as one, in their middle: first those in a cell of a grid, then cells. */
function clustersOf(sites, cell) {
  const found = new Map();
  for (const site of sites) {
    const at = positionOf(site.place);
    const key = `${Math.floor(at.x / cell)} ${Math.floor(at.y / cell)}`;
    let cluster = found.get(key);
    if (cluster === undefined) found.set(key, (cluster = { key, x: 0, y: 0, sites: [] }));
    cluster.sites.push(site);
    cluster.x += (at.x - cluster.x) / cluster.sites.length;
    cluster.y += (at.y - cluster.y) / cluster.sites.length;
  }
  const apart = [];
  for (const one of [...found.values()].sort((a, b) => b.sites.length - a.sites.length)) {
    const near = apart.find((other) => Math.hypot(one.x - other.x, one.y - other.y) < cell);
    if (near === undefined) apart.push(one);
    else near.sites.push(...one.sites);
  }
  for (const one of apart) one.state = STATES.find((state) => one.sites.some((site) => site.state === state));
  return apart;
}

function nameOf({ sites }) {
  if (sites.length === 1) return `${sites[0].name}${sites[0].place.name === null ? "" : `, ${sites[0].place.name}`}: ${sites[0].state}`;
  const states = STATES.map((state) => [state, sites.filter((site) => site.state === state).length]).filter(([, number]) => number);
  return `${counted(sites.length, "site")}: ${states.map(([state, number]) => `${number} ${state}`).join(", ")}`;
}

function short(number) {
  return number < 1000 ? String(number) : `${Math.floor(number / 1000)}k`;
}

function graticule(box, unit) {
  const lines = [];
  const line = (x1, y1, x2, y2) => lines.push(makeSvg("line", { x1, y1, x2, y2, "stroke-width": unit }));
  const label = (x, y, text) => lines.push(makeSvg("text", { x, y, "font-size": TEXT_PIXELS * unit }, text));
  const step = STEPS_DEGREES.find((degrees) => (2 * degrees) / unit >= STEP_PIXELS) ?? STEPS_DEGREES.at(-1);
  for (let degrees = step - 180; degrees < 180; degrees += step) {
    const x = 2 * (degrees + 180);
    line(x, WORLD.y, x, WORLD.height);
    label(x + 3 * unit, box.y + box.height - 4 * unit, degrees === 0 ? "0°" : `${Math.abs(degrees)}°${degrees < 0 ? "W" : "E"}`);
  }
  for (let degrees = step - 60; degrees < NORTHERN_EDGE; degrees += step) {
    const y = 2 * (NORTHERN_EDGE - degrees);
    line(WORLD.x, y, WORLD.width, y);
    label(box.x + 3 * unit, y - 3 * unit, degrees === 0 ? "0°" : `${Math.abs(degrees)}°${degrees < 0 ? "S" : "N"}`);
  }
  return lines;
}
