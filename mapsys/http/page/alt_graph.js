/**
 * The node among its ALT neighbours: parents above, peers and siblings beside it, children below,
 * and under these the aggregates that it makes.
 */

import { make, makeSvg } from "./dom.js";
import { eidText } from "./format.js";

const ROW_OF_ROLE = { parent: 0, backup: 0, peer: 1, sibling: 1, child: 2 };
const AGGREGATES_ROW = 3;
const ROW_HEIGHT = 96;
const BOX = { width: 148, height: 44, gap: 16 };

/** Aggregates drawn; the table has them all. */
const AGGREGATES_DRAWN = 8;

/** A drawing; the tables of sessions and aggregates say the same in words. */
export function altGraph(node, peers, aggregates) {
  const rows = [[], [], []];
  for (const peer of peers) rows[ROW_OF_ROLE[peer.role] ?? 1].push(peer);
  const half = Math.ceil(rows[1].length / 2);
  rows[1].splice(half, 0, null); // the node itself
  const drawn = aggregates.slice(0, AGGREGATES_DRAWN);
  const lower = drawn.length ? AGGREGATES_ROW + 1 : AGGREGATES_ROW;
  const width = Math.max(drawn.length, ...rows.map((row) => row.length)) * (BOX.width + BOX.gap) + BOX.gap;
  const middle = place(half, rows[1].length, 1, width);
  const lines = [];
  const boxes = [box(node, "this node", middle, "own")];
  rows.forEach((row, number) =>
    row.forEach((peer, index) => {
      if (peer === null) return;
      const at = place(index, row.length, number, width);
      lines.push(makeSvg("line", { x1: middle.x, y1: middle.y, x2: at.x, y2: at.y, class: `session ${peer.state}` }));
      boxes.push(box(peer.neighbor, `${peer.role}, ${peer.state}`, at, peer.state));
      boxes.push(exchanged(peer, middle, at));
    }),
  );
  drawn.forEach((one, index) => {
    const at = place(index, drawn.length, AGGREGATES_ROW, width);
    lines.push(makeSvg("line", { x1: middle.x, y1: middle.y, x2: at.x, y2: at.y, class: "aggregate" }));
    const says = `${one.announced ? "announced" : "held back"}, ${one.suppressed} suppressed`;
    boxes.push(box(eidText(one.eid_prefix, one.instance_id), says, at, one.announced ? "up" : "held-off"));
  });
  const label = `${node} with ${peers.length} ALT neighbours`;
  const height = lower * ROW_HEIGHT;
  const drawing = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label }, lines, boxes);
  return make("div", { class: "scroller graph", role: "region", tabindex: 0, "aria-label": label }, drawing);
}

/** What a session carries, beside its line: routes told to the neighbour, and accepted from it. */
function exchanged(peer, from, to) {
  if (from.y === to.y) return null; // no room beside; the table says it
  const text = `${peer.told} told, ${peer.accepted} accepted`;
  return makeSvg("text", { x: (from.x + to.x) / 2 + 8, y: (from.y + to.y) / 2 + 4, class: "carried" }, text);
}

function place(index, inRow, row, width) {
  return { x: ((index + 0.5) * width) / inRow, y: (row + 0.5) * ROW_HEIGHT };
}

function box(name, says, at, className) {
  const x = at.x - BOX.width / 2;
  const y = at.y - BOX.height / 2;
  return makeSvg(
    "g",
    { class: `box ${className}` },
    makeSvg("rect", { x, y, width: BOX.width, height: BOX.height, rx: 6 }),
    makeSvg("text", { x: at.x, y: at.y - 4 }, short(name)),
    makeSvg("text", { x: at.x, y: at.y + 14, class: "says" }, says),
    makeSvg("title", {}, name),
  );
}

function short(name) {
  return name.length > 20 ? `${name.slice(0, 19)}…` : name;
}
