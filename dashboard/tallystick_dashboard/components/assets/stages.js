// The five stages of one call, side by side: who saw each, when, for how long, and how it ended.

import { followPalette, icon, make } from "./dom.js";
import { safe } from "./text.js";
import { duration } from "./timeline.js";

export default function mount({ parentElement, data }) {
  const host = parentElement.querySelector(".stages");
  const list = make("ol", "strip");
  for (const stage of data.stages) show(stage, list);
  const head = make("div", "call");
  make("span", "quiet", head, `${data.hint} `);
  make("strong", "", head, safe(data.call, 200));
  host.replaceChildren(head, list);
  return followPalette(host, () => {});
}

function show(stage, list) {
  const item = make("li", `stage ${stage.state}`, list);
  const title = make("div", "title", item);
  icon(stage.state, "", title);
  make("span", "", title, stage.name);
  make("div", "outcome", item, safe(stage.outcome, 120)).title = safe(stage.outcome, 1000);
  const times = [];
  if (stage.length !== null) times.push(duration(stage.length));
  if (stage.start !== null) times.push(`at +${duration(stage.start)}`);
  make("div", "when", item, times.join(" ") || (stage.observer ? "not timed" : ""));
  make("div", "quiet", item, stage.observer ? `seen by ${safe(stage.observer, 60)}` : "");
}
