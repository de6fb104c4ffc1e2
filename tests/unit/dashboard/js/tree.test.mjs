import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ends,
  next,
  parents,
  reveal,
  search,
  troubleBelow,
  visibleRows,
} from "../../../../dashboard/tallystick_dashboard/components/assets/tree.js";

const DEPTH = [0, 1, 2, 2, 1, 0];

test("a row ends before the next row that is not below it", () => {
  assert.deepEqual([...ends(DEPTH)], [5, 4, 3, 4, 5, 6]);
});

test("a row's parent is the nearest row above that is less deep", () => {
  assert.deepEqual([...parents(DEPTH)], [-1, 0, 1, 1, 0, -1]);
});

test("a nesting of ten thousand rows is no problem", () => {
  const depth = Array.from({ length: 10_000 }, (_, i) => i);
  assert.equal(ends(depth)[0], 10_000);
  assert.equal(parents(depth)[9_999], 9_998);
});

test("rows below a closed row are not shown", () => {
  assert.deepEqual(visibleRows(ends(DEPTH), parents(DEPTH), new Set([1])), [0, 1, 4, 5]);
});

test("of a search the hits are shown and the rows that lead to them", () => {
  const hits = new Set([3]);
  assert.deepEqual(visibleRows(ends(DEPTH), parents(DEPTH), new Set([1]), hits), [0, 1, 3]);
});

test("a search needs every word, in any order and case", () => {
  const texts = ["tools/call git_log researcher", "tools/call git_show planner"];
  assert.deepEqual([...search(texts, "Planner CALL")], [1]);
  assert.equal(search(texts, "   "), null);
  assert.deepEqual([...search(texts, "nothing")], []);
});

test("a closed row shows the gravest trouble below it, not its own", () => {
  const found = troubleBelow(DEPTH, ["failed", "ok", "failed", "denied", "ok", "ok"]);
  assert.deepEqual(found, ["denied", "denied", "", "", "", ""]);
});

test("the next row is looked for round the end, from any place", () => {
  assert.equal(next(5, 3, (i) => i === 1), 1);
  assert.equal(next(5, -1, (i) => i === 0), 0);
  assert.equal(next(5, 2, () => false), -1);
  assert.equal(next(0, -1, () => true), -1);
});

test("revealing a row opens everything above it", () => {
  const closed = new Set([0, 1, 4]);
  reveal(3, parents(DEPTH), closed);
  assert.deepEqual([...closed], [4]);
});
