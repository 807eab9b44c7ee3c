/** The node among its ALT neighbours: parents above, peers and siblings beside it, children below. */

import { make, makeSvg } from "./dom.js";

const ROW_OF_ROLE = { parent: 0, backup: 0, peer: 1, sibling: 1, child: 2 };
const ROW_HEIGHT = 96;
const BOX = { width: 148, height: 44, gap: 16 };

/** A drawing; the table of sessions says the same in words. */
export function altGraph(node, peers) {
  const rows = [[], [], []];
  for (const peer of peers) rows[ROW_OF_ROLE[peer.role] ?? 1].push(peer);
  const half = Math.ceil(rows[1].length / 2);
  rows[1].splice(half, 0, null); // the node itself
  const width = Math.max(...rows.map((row) => row.length)) * (BOX.width + BOX.gap) + BOX.gap;
  const middle = place(half, rows[1].length, 1, width);
  const lines = [];
  const boxes = [box(node, "this node", middle, "own")];
  rows.forEach((row, number) =>
    row.forEach((peer, index) => {
      if (peer === null) return;
      const at = place(index, row.length, number, width);
      lines.push(makeSvg("line", { x1: middle.x, y1: middle.y, x2: at.x, y2: at.y, class: `session ${peer.state}` }));
      boxes.push(box(peer.neighbor, `${peer.role}, ${peer.state}`, at, peer.state));
    }),
  );
  const label = `${node} with ${peers.length} ALT neighbours`;
  const drawing = makeSvg("svg", { viewBox: `0 0 ${width} ${3 * ROW_HEIGHT}`, width, height: 3 * ROW_HEIGHT, role: "img", "aria-label": label }, lines, boxes);
  return make("div", { class: "scroller graph", role: "region", tabindex: 0, "aria-label": label }, drawing);
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
