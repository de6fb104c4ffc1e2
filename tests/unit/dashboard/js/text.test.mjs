import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { safe } from "../../../../dashboard/tallystick_dashboard/components/assets/text.js";

const TABLE = JSON.parse(readFileSync(new URL("../inert_texts.json", import.meta.url), "utf8"));

for (const { what, text, shown } of TABLE) {
  test(`${what} is shown as in the shared table`, () => {
    assert.equal(safe(text), shown);
    assert.equal(safe(shown), shown);
  });
}

test("a text is cut where it is too long, between characters", () => {
  assert.equal(safe("\u{1f600}".repeat(10), 3), `${"\u{1f600}".repeat(3)}…`);
  assert.equal(safe("a".repeat(10), 10), "a".repeat(10));
  assert.ok(safe("\u202e".repeat(1_000_000)).length < 130_000);
});

test("what is no text is shown as one", () => {
  assert.equal(safe(null), "");
  assert.equal(safe(7), "7");
});
