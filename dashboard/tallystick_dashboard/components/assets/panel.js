// Facts in short lines: a label, a value, how surely it is known. Values are text, whatever they hold.

import { followPalette, icon, make } from "./dom.js";
import { safe } from "./text.js";

const MAX_VALUE = 4_000;

export default function mount({ parentElement, data }) {
  const host = parentElement.querySelector(".panel");
  host.replaceChildren(...data.blocks.map((block) => MAKERS[block.type](block)));
  return followPalette(host, () => {});
}

const MAKERS = {
  facts(block) {
    const part = make("section", "facts");
    if (block.title) make("h3", "", part, safe(block.title, 200));
    const list = make("dl", "", part);
    for (const { label, value, hint, tone, code } of block.rows) {
      make("dt", "", list, safe(label, 200));
      const cell = make("dd", `${code ? "code" : ""} ${tone ?? ""}`, list);
      make("span", "", cell, safe(value, MAX_VALUE));
      if (hint) make("span", `chip ${HINTS[hint] ?? "plain"}`, cell, safe(hint, 80));
    }
    return part;
  },
  metrics(block) {
    const part = make("dl", "metrics");
    for (const { label, value, tone } of block.rows) {
      const one = make("div", `metric ${tone ?? ""}`, part);
      make("dt", "", one, safe(label, 80));
      make("dd", "", one, safe(value, 80));
    }
    return part;
  },
  heading(block) {
    const part = make("div", "heading");
    if (block.kind) make("span", `glyph k-${block.kind}`, part, safe(block.glyph, 2));
    const words = make("h2", "", part);
    if (block.verb) make("span", "verb", words, `${safe(block.verb, 80)} `);
    make("span", "", words, safe(block.noun, 400));
    for (const { text, tone, image } of block.chips ?? []) {
      const chip = make("span", `chip ${tone}`, part);
      if (image) icon(image, "", chip);
      chip.append(safe(text, 120));
    }
    if (block.id) make("code", "id", part, safe(block.id, 80));
    return part;
  },
  steps(block) {
    const part = make("ol", "steps");
    for (const { name, state, text } of block.rows) {
      const step = make("li", `step ${STATES[state]}`, part);
      icon(STATES[state], "", step);
      const words = make("div", "", step);
      make("strong", "", words, safe(name, 200));
      make("span", "state", words, ` ${state}`);
      make("div", "quiet", words, safe(text, MAX_VALUE));
    }
    return part;
  },
  code(block) {
    const part = make("section", "listing");
    const head = make("h3", "", part, safe(block.title, 200));
    const button = make("button", "copy", head, "Copy");
    button.type = "button";
    button.onclick = () => navigator.clipboard?.writeText(block.text);
    const text = make("pre", "", part);
    text.tabIndex = 0;
    text.setAttribute("aria-label", safe(block.title, 200));
    for (const line of block.text.split("\n")) marked(`${safe(line)}\n`, text);
    if (block.rest) make("p", "note", part, safe(block.rest, 200));
    return part;
  },
  note(block) {
    return make("p", `note ${block.tone ?? ""}`, null, safe(block.text, MAX_VALUE));
  },
  blob(block) {
    const part = make("p", "note");
    const link = make("a", "", part, safe(block.text, 200));
    if (SHA_256.test(block.sha256)) link.href = `/blob/${block.sha256}`;
    link.download = "";
    return part;
  },
};

/** Write a line, with what masking put in place of a value set apart. */
function marked(line, text) {
  let at = 0;
  for (const found of line.matchAll(MASKED)) {
    if (text.childElementCount >= MAX_MARKS) break;
    text.append(line.slice(at, found.index));
    make("mark", "", text, found[0]);
    at = found.index + found[0].length;
  }
  text.append(line.slice(at));
}

const MASKED = /\[(?:[a-z_]{2,20})(?::[^\]\s]{1,80})?\]|\btok_[a-z0-9]{1,16}_[0-9a-f]{16}\b/gu;
const MAX_MARKS = 200;
const SHA_256 = /^[0-9a-f]{64}$/u;
const HINTS = { authenticated: "good", asserted: "odd", inferred: "odd", masked: "mask" };
const STATES = { ok: "ok", failed: "failed", "not checked": "unseen" };
