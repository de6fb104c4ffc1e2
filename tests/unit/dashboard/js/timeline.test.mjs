import assert from "node:assert/strict";
import { test } from "node:test";

import {
  duration,
  idleTimes,
  joined,
  makeScale,
  moment,
  ticks,
} from "../../../../dashboard/tallystick_dashboard/components/assets/timeline.js";

const near = (one, other) => assert.ok(Math.abs(one - other) < 1e-9, `${one} is not ${other}`);

test("a duration has one unit and three figures", () => {
  const told = [0, 412, 3_420, 51_200, 999_000, 61_000_000, 7_200_000_000].map(duration);
  assert.deepEqual(told, ["0 µs", "412 µs", "3.42 ms", "51.2 ms", "999 ms", "1.02 min", "2.00 h"]);
});

test("a moment has as many figures as tell two ticks apart", () => {
  assert.equal(moment(9_071_000, 1_000), "9.071 s");
  assert.equal(moment(9_000_000, 1_000_000), "9 s");
  assert.equal(moment(0, 5), "0");
});

test("intervals that touch become one", () => {
  assert.deepEqual(joined([[5, 9], [0, 2], [2, 4]]), [[0, 4], [5, 9]]);
});

test("only long stretches without anything running are idle", () => {
  assert.deepEqual(idleTimes([[0, 100], [101, 110], [900, 1_000]], 1_000), [[110, 900]]);
  assert.deepEqual(idleTimes([[0, 1_000]], 1_000), []);
  assert.deepEqual(idleTimes([], 1_000), [[0, 1_000]]);
});

test("without idle times the scale is linear", () => {
  const scale = makeScale(1_000);
  near(scale.place(250), 0.25);
  near(scale.time(0.25), 250);
});

test("an idle stretch takes little of a compressed scale, and the rest keeps its proportions", () => {
  const scale = makeScale(1_000, [[100, 900]]);
  assert.ok(scale.place(900) - scale.place(100) < 0.03);
  near(scale.place(100) - scale.place(0), scale.place(1_000) - scale.place(900));
  near(scale.place(50) - scale.place(0), scale.place(100) - scale.place(50));
});

test("a place leads back to its time, compressed or not", () => {
  for (const scale of [makeScale(1_000), makeScale(1_000, [[100, 400], [500, 900]])]) {
    for (const time of [0, 1, 99, 100, 250, 400, 450, 899, 1_000]) {
      assert.ok(Math.abs(scale.time(scale.place(time)) - time) < 1e-6);
    }
  }
});

test("the scale never runs backwards, also where everything is idle or nothing took time", () => {
  for (const scale of [makeScale(0), makeScale(1_000, [[0, 1_000]]), makeScale(2 ** 53, [[5, 2 ** 52]])]) {
    const places = [0, 1, 5, 100, 2 ** 52, 2 ** 53].map(scale.place);
    assert.deepEqual(places, [...places].sort((one, other) => one - other));
    assert.ok(places.every(Number.isFinite));
  }
});

test("ticks are round, in order, and few", () => {
  const found = ticks(makeScale(9_700_000), 0, 1, 5);
  assert.deepEqual(found, [0, 2_000_000, 4_000_000, 6_000_000, 8_000_000]);
  assert.ok(ticks(makeScale(2 ** 53), 0, 1, 6).length <= 50);
  assert.equal(ticks(makeScale(1_000, [[100, 900]]), 0, 1, 4).length, 4);
});
