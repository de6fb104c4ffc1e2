// One row of the waterfall as elements: what it is on the left, when it was on the right.

import { icon, make } from "./dom.js";
import { safe } from "./text.js";
import { duration } from "./timeline.js";

export const KINDS = {
  request: ["S", "span"],
  agent: ["A", "agent"],
  model: ["L", "model"],
  tool: ["T", "tool"],
  mcp: ["M", "MCP request"],
  policy: ["P", "policy"],
  execute: ["X", "server"],
  data: ["D", "data"],
  mask: ["K", "mask"],
  record: ["R", "record"],
};
export const PROOFS = {
  sealed: "sealed: signed at its source",
  recovered: "recovered: signed by the next process of its emitter",
  unsealed: "unsealed: no signature covers it",
  derived: "derived: the service's reading of a foreign span, not signed at its source",
  corrupt: "corrupt: not what was recorded",
  none: "a span alone: not signed at its source",
};
export const STATUSES = {
  ok: "ok",
  failed: "failed",
  denied: "denied",
  timeout: "timed out",
  cancelled: "cancelled",
  unknown: "no end",
};
const INDENT = 14;
const MAX_INDENTS = 18;

/** Everything that a row says, in words: for readers of screens and for titles. */
export function told(row) {
  const parts = [`${row.verb} ${row.noun}`.trim(), KINDS[row.kind][1]];
  if (row.where) parts.push(`in ${row.where}`);
  parts.push(STATUSES[row.status], PROOFS[row.proof].split(":")[0]);
  if (row.start !== null) parts.push(`starts at ${duration(row.start)}`);
  parts.push(row.length === null ? "no duration measured" : `takes ${duration(row.length)}`);
  if (row.masked) parts.push(`${row.masked} masked`);
  return safe([...parts, ...row.flags].join(", "));
}

/** Make the element of one row; `view` says what is selected, closed, searched and where time is. */
export function makeRow(row, view) {
  const element = make("div", `row is-${row.status}${row.index === view.selected ? " selected" : ""}`);
  if (view.hits) element.classList.add(view.hits.has(row.index) ? "hit" : "dim");
  element.id = `row-${row.index}`;
  element.dataset.index = row.index;
  Object.assign(element.dataset, { span: row.id, kind: row.kind, status: row.status, sealing: row.proof });
  element.setAttribute("role", "row");
  element.setAttribute("aria-level", row.depth + 1);
  element.setAttribute("aria-rowindex", row.position + 2);
  element.setAttribute("aria-selected", row.index === view.selected);
  if (row.below) element.setAttribute("aria-expanded", !row.isClosed);
  element.setAttribute("aria-label", told(row));
  name(row, element);
  if (view.isList) listed(row, element);
  else timed(row, view, element);
  return element;
}

function name(row, element) {
  const cell = make("div", "name", element);
  cell.setAttribute("role", "gridcell");
  const proof = icon(row.proof, row.proof === "sealed" ? "proof seal" : `proof ${row.proof}`, cell);
  titled(proof, PROOFS[row.proof]);
  const depth = Math.min(row.depth, MAX_INDENTS);
  const guides = make("span", "guides", cell);
  guides.style.width = `${depth * INDENT}px`;
  if (row.depth > MAX_INDENTS) guides.textContent = `+${row.depth - MAX_INDENTS}`;
  const twist = make("span", row.below ? "twist" : "twist leaf", cell);
  if (row.below) twist.classList.toggle("closed", row.isClosed);
  const [letter, kind] = KINDS[row.kind];
  const glyph = make("span", `glyph k-${row.kind}`, cell, letter);
  glyph.title = kind;
  const words = make("span", "words", cell);
  words.title = safe(`${row.verb} ${row.noun}`.trim(), 400);
  if (row.verb) make("span", "verb", words, `${safe(row.verb, 80)} `);
  make("span", "noun", words, safe(row.noun, 300));
  if (row.isClosed && row.below) make("span", "count", cell, `${row.below.toLocaleString("en")}`);
  chips(row, cell);
  make("span", "where", cell, safe(row.where, 60));
}

function chips(row, cell) {
  if (row.proof === "corrupt") make("span", "chip failed", cell, "corrupt");
  const status = row.status === "ok" && row.isClosed ? row.trouble : row.status;
  if (status && status !== "ok") {
    const chip = make("span", `chip ${status}`, cell);
    icon(status, "", chip);
    chip.append(STATUSES[status]);
    if (status !== row.status) chip.title = "below this row";
  }
  if (row.masked) make("span", "chip mask", cell, `${row.masked.toLocaleString("en")} masked`);
  if (row.join) titled(icon("joined", "mark", cell), `with the client's record: ${row.join}`);
  if (row.flags.length) {
    const chip = make("span", "chip odd", cell, "!");
    chip.title = safe(row.flags.join("; "), 400);
  }
}

function titled(image, text) {
  const title = document.createElementNS(image.namespaceURI, "title");
  title.textContent = safe(text, 400);
  image.prepend(title);
}

function listed(row, element) {
  const cells = [
    row.start === null ? "" : `+${duration(row.start)}`,
    row.length === null ? "not measured" : duration(row.length),
    STATUSES[row.status],
    row.proof === "none" ? "not signed" : row.proof,
    row.masked ? row.masked.toLocaleString("en") : "",
  ];
  for (const text of cells) {
    make("div", "listed", element, text).setAttribute("role", "gridcell");
  }
}

function timed(row, view, element) {
  const cell = make("div", "time", element);
  cell.setAttribute("role", "gridcell");
  if (row.start === null) {
    make("span", "untimed", cell, "no time recorded");
    return;
  }
  cell.title = row.length === null ? `+${duration(row.start)}` : `+${duration(row.start)}, ${duration(row.length)}`;
  const left = view.at(row.start);
  const right = row.length === null ? left : view.at(row.start + row.length);
  if (right < 0 || left > 1) {
    make("span", left > 1 ? "beyond right" : "beyond", cell, left > 1 ? "›" : "‹");
    return;
  }
  const from = Math.max(0, left);
  const to = Math.min(1, right);
  const bar = make("div", `bar k-${row.kind}${row.below ? " parent" : ""}`, cell);
  bar.style.left = `${from * 100}%`;
  if (row.length === null) bar.classList.add(row.status === "unknown" ? "open" : "instant");
  else bar.style.width = `max(2px, ${(to - from) * 100}%)`;
  labelled(row, from, to, cell);
}

function labelled(row, from, to, cell) {
  if (row.length === null && row.status !== "unknown") return;
  const label = make("span", "label", cell);
  label.textContent = row.length === null ? "no end recorded" : duration(row.length);
  const shift = row.length === null ? 22 : 6;
  if (to < 0.86) label.style.left = `calc(${to * 100}% + ${shift}px)`;
  else if (from > 0.14) label.style.right = `calc(${(1 - from) * 100}% + 6px)`;
  else label.classList.add("inside");
}
