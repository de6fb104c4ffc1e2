// The tree of rows, as arrays: rows stand depth first, `depth` says how far in. No DOM here.

const GRAVITY = { cancelled: 1, timeout: 2, failed: 3, denied: 4 };

/** For each row, the index behind its last descendant. */
export function ends(depth) {
  const end = new Int32Array(depth.length);
  const open = [];
  for (let i = 0; i < depth.length; i += 1) {
    while (open.length && depth[open.at(-1)] >= depth[i]) end[open.pop()] = i;
    open.push(i);
  }
  while (open.length) end[open.pop()] = depth.length;
  return end;
}

/** For each row, the index of its parent, -1 at a root. */
export function parents(depth) {
  const found = new Int32Array(depth.length).fill(-1);
  const open = [];
  for (let i = 0; i < depth.length; i += 1) {
    while (open.length && depth[open.at(-1)] >= depth[i]) open.pop();
    if (open.length) found[i] = open.at(-1);
    open.push(i);
  }
  return found;
}

/** For each row, the gravest status below it, "" where nothing below went wrong. */
export function troubleBelow(depth, status) {
  const found = new Array(depth.length).fill("");
  const up = parents(depth);
  for (let i = depth.length - 1; i >= 0; i -= 1) {
    const worst = graver(status[i], found[i]);
    if (up[i] >= 0) found[up[i]] = graver(found[up[i]], worst);
  }
  return found;
}

function graver(one, other) {
  const first = GRAVITY[one] ?? 0;
  const second = GRAVITY[other] ?? 0;
  if (!first && !second) return "";
  return first >= second ? one : other;
}

/** Rows that are shown: those under no closed row; or, with `hits`, hits and what leads to them. */
export function visibleRows(end, up, closed, hits = null) {
  if (hits) return leading(end.length, up, hits);
  const rows = [];
  for (let i = 0; i < end.length; ) {
    rows.push(i);
    i = closed.has(i) ? end[i] : i + 1;
  }
  return rows;
}

function leading(count, up, hits) {
  const kept = new Uint8Array(count);
  for (const hit of hits) {
    for (let i = hit; i >= 0 && !kept[i]; i = up[i]) kept[i] = 1;
  }
  return [...kept.keys()].filter((i) => kept[i]);
}

/** Rows whose text holds every word of the query; null for an empty query. */
export function search(texts, query) {
  const words = query.toLowerCase().split(/\s+/u).filter(Boolean);
  if (!words.length) return null;
  const hits = [];
  texts.forEach((text, i) => {
    if (words.every((word) => text.includes(word))) hits.push(i);
  });
  return new Set(hits);
}

/** The next row after `from` for which `test` holds, round the end; -1 where there is none. */
export function next(count, from, test) {
  for (let step = 1; step <= count; step += 1) {
    const i = (Math.max(from, -1) + step) % count;
    if (test(i)) return i;
  }
  return -1;
}

/** Open every row above `row`. */
export function reveal(row, up, closed) {
  for (let i = up[row]; i >= 0; i = up[i]) closed.delete(i);
}
