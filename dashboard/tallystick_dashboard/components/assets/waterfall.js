// The waterfall of a trace. Only the rows on screen are in the document, so that 10,000 cost as
// little as 100. Selection goes back to Python as `selected`; everything else stays here.

import { followPalette, make } from "./dom.js";
import { dragToZoom, drawMinimap } from "./minimap.js";
import { KINDS, makeRow, told } from "./rows.js";
import { duration, idleTimes, makeScale, moment, ticks } from "./timeline.js";
import { ends, next, parents, reveal, search, troubleBelow, visibleRows } from "./tree.js";

const ROW_PX = 24;
const HEAD_PX = 25;
const SPARE_ROWS = 8;
const SELECT_AFTER_MS = 180;
const RELEASES = ["pointerup", "pointercancel"];
const LEAST_ZOOM = 1e-6;
const BUSY_KINDS = new Set(["mcp", "execute", "model", "data", "policy"]);
const LIST_TITLES = ["Start", "Duration", "Outcome", "Signed", "Masked"];
const KEYS =
  "↑ ↓ move   ← → close, open   Enter choose   z zoom to a row (or double click)   0 whole time   " +
  "n next problem   / search   * open all   drag over the strip to zoom";
const mounted = new WeakMap();

export default function mount({ parentElement, data, setStateValue }) {
  const host = parentElement.querySelector(".waterfall");
  let waterfall = mounted.get(host);
  if (!waterfall) {
    waterfall = new Waterfall(host);
    mounted.set(host, waterfall);
  }
  waterfall.report = (id, near) => setStateValue("selected", { id, near });
  waterfall.show(data);
  return () => {
    waterfall.dispose();
    mounted.delete(host);
  };
}

class Waterfall {
  constructor(host) {
    this.host = host;
    this.closed = new Set();
    this.hits = null;
    this.selected = -1;
    this.near = [];
    this.from = 0;
    this.to = 1;
    this.isList = false;
    this.version = null;
    this.isHeld = false;
    this.release = () => this.#released();
    this.#build();
    this.watch = new ResizeObserver(() => this.#later());
    this.watch.observe(host);
    this.unfollow = followPalette(host, () => this.version && this.draw());
  }

  dispose() {
    this.watch.disconnect();
    this.unfollow();
    this.#unheld();
    clearTimeout(this.timer);
  }

  /** Take data from Python; the same version again changes nothing but the palette. */
  show(data) {
    if (data.version === this.version) return;
    this.version = data.version;
    const { depth, status } = data;
    this.end = ends(depth);
    this.up = parents(depth);
    const trouble = troubleBelow(depth, status);
    this.rows = data.id.map((id, index) => ({
      index,
      id,
      verb: data.verb[index],
      noun: data.noun[index],
      kind: data.kind[index] in KINDS ? data.kind[index] : "record",
      where: data.where[index],
      status: status[index],
      proof: data.proof[index],
      start: data.start[index],
      length: data.length[index],
      depth: depth[index],
      masked: data.masked[index],
      flags: data.flags[index],
      join: data.join[index],
      below: this.end[index] - index - 1,
      trouble: trouble[index],
    }));
    this.texts = this.rows.map((row) =>
      `${row.verb} ${row.noun} ${row.where} ${row.kind} ${row.status} ${row.proof} ${row.id}`.toLowerCase(),
    );
    this.total = Math.max(1, ...this.#lasts());
    this.closed = new Set(data.folded);
    this.#scale(null);
    this.#legend();
    const first = this.rows.findIndex((row) => row.id === data.initial);
    if (first >= 0) {
      this.selected = first;
      reveal(first, this.up, this.closed);
    }
    this.lay();
    if (first >= 0) this.#scrollTo(first, true);
  }

  *#lasts() {
    for (const row of this.rows) if (row.start !== null) yield row.start + (row.length ?? 0);
  }

  /** Choose the scale: compressed where most of the time nothing ran, unless somebody said. */
  #scale(isCompressed) {
    const busy = this.rows
      .filter((row) => row.start !== null && (!row.below || BUSY_KINDS.has(row.kind)))
      .map((row) => [row.start, row.start + (row.length ?? 0)]);
    const idle = idleTimes(busy, this.total);
    const length = idle.reduce((sum, [start, end]) => sum + end - start, 0);
    this.isCompressed = isCompressed ?? length > this.total / 2;
    this.scale = makeScale(this.total, this.isCompressed ? idle : []);
    this.from = 0;
    this.to = 1;
    this.compress.hidden = !idle.length;
    this.compress.setAttribute("aria-pressed", this.isCompressed);
    this.compress.title = `${duration(length)} in which nothing was recorded to run`;
  }

  #build() {
    const { host } = this;
    const bar = make("div", "toolbar", host);
    this.find = make("input", "find", bar);
    this.find.type = "search";
    this.find.placeholder = "Search rows  ( / )";
    this.find.setAttribute("aria-label", "Search rows");
    this.find.oninput = () => this.#search();
    this.#button(bar, "Collapse", "Close every call", () => this.#collapse());
    this.#button(bar, "Expand", "Open every row", () => this.#expand());
    this.#button(bar, "Next problem", "Select the next row that did not end well ( n )", () => this.#problem());
    this.compress = this.#button(bar, "Compress idle", "", () => this.#compressed());
    this.list = this.#button(bar, "List", "Times as text in place of bars", () => this.#listed());
    this.list.setAttribute("aria-pressed", false);
    this.reset = this.#button(bar, "Whole time", "Zoom out ( 0 )", () => this.#zoom(0, 1));
    this.help = this.#button(bar, "?", "Keys", () => this.#helped());
    this.help.setAttribute("aria-expanded", false);
    this.legend = make("div", "legend", bar);
    this.keys = make("div", "keys", host, KEYS);
    this.keys.hidden = true;
    const over = make("div", "over", host);
    this.mini = make("canvas", "mini", over);
    this.mini.setAttribute("role", "img");
    this.mini.setAttribute("aria-label", "The whole trace; drag over it to zoom");
    make("div", "brush", over).hidden = true;
    dragToZoom(this.mini, (from, to) => this.#zoom(from, to, true));
    this.#buildGrid();
    this.said = make("div", "said", host);
    this.said.setAttribute("aria-live", "polite");
  }

  #buildGrid() {
    this.grid = make("div", "grid", this.host);
    this.grid.tabIndex = 0;
    this.grid.setAttribute("role", "treegrid");
    this.grid.setAttribute("aria-label", "Rows of the trace");
    const top = make("div", "top", this.grid);
    top.setAttribute("role", "rowgroup");
    this.head = make("div", "head", top);
    this.head.setAttribute("role", "row");
    this.head.setAttribute("aria-rowindex", 1);
    this.bands = make("div", "bands", this.grid);
    this.bands.setAttribute("role", "presentation");
    this.layer = make("div", "layer", this.grid);
    this.layer.setAttribute("role", "rowgroup");
    this.grid.onscroll = () => this.#later();
    this.layer.onpointerdown = () => this.#held();
    this.layer.onclick = (event) => this.#clicked(event);
    this.layer.ondblclick = (event) => this.#doubled(event);
    this.grid.onkeydown = (event) => this.#pressed(event);
  }

  #button(bar, text, title, pressed) {
    const button = make("button", "button", bar, text);
    button.type = "button";
    button.title = title;
    button.onclick = pressed;
    return button;
  }

  #legend() {
    this.legend.replaceChildren();
    const present = new Set(this.rows.map((row) => row.kind));
    for (const [kind, [, word]] of Object.entries(KINDS)) {
      if (!present.has(kind)) continue;
      const item = make("span", "item", this.legend);
      make("i", `k-${kind}`, item);
      item.append(word);
    }
  }

  #titles() {
    this.head.replaceChildren();
    const left = make("div", "name title", this.head);
    left.setAttribute("role", "columnheader");
    left.textContent = `${this.visible.length.toLocaleString("en")} of ${this.rows.length.toLocaleString("en")} rows`;
    if (this.isList) {
      for (const title of LIST_TITLES) {
        make("div", "listed", this.head, title).setAttribute("role", "columnheader");
      }
      return;
    }
    const axis = make("div", "axis", this.head);
    axis.setAttribute("role", "columnheader");
    axis.setAttribute("aria-label", "Time");
    const count = Math.max(2, Math.floor(axis.clientWidth / 84));
    const times = ticks(this.scale, this.from, this.to, count);
    const step = times.reduce((least, time, i) => (i ? Math.min(least, time - times[i - 1]) : least), Infinity);
    for (const time of times) {
      const place = this.view.at(time);
      if (place > 0.94 || this.#isIdle(time)) continue;
      const tick = make("span", "tick", axis, moment(time, step));
      tick.style.left = `${place * 100}%`;
    }
    this.#gaps(axis);
    this.#split(left);
  }

  #isIdle(time) {
    return this.scale.idle.some(([start, end]) => start < time && time < end);
  }

  /** Say in the axis how long each compressed stretch is. */
  #gaps(axis) {
    for (const [start, end] of this.scale.idle) {
      const [left, right] = [Math.max(0, this.view.at(start)), Math.min(1, this.view.at(end))];
      if (right <= left) continue;
      const gap = make("span", "gap", axis);
      gap.style.left = `${left * 100}%`;
      gap.style.width = `${(right - left) * 100}%`;
      gap.title = `${duration(end - start)} in which nothing was recorded to run, compressed`;
    }
  }

  /** Let a drag on the line between names and times move it. */
  #split(left) {
    const handle = make("div", "split", left);
    handle.onpointerdown = (event) => {
      handle.setPointerCapture(event.pointerId);
      handle.onpointermove = (moved) => {
        const width = moved.clientX - this.host.getBoundingClientRect().left;
        const most = this.host.clientWidth - 160;
        this.host.style.setProperty("--name-width", `${Math.min(most, Math.max(180, width))}px`);
      };
    };
    handle.onpointerup = () => {
      handle.onpointermove = null;
      this.draw();
    };
  }

  /** Work out which rows are shown, then draw. */
  lay() {
    this.visible = visibleRows(this.end, this.up, this.closed, this.hits);
    this.grid.setAttribute("aria-rowcount", this.visible.length + 1);
    this.layer.style.height = `${this.visible.length * ROW_PX}px`;
    this.bands.style.height = this.layer.style.height;
    this.draw();
  }

  get view() {
    const width = Math.max(this.to - this.from, LEAST_ZOOM);
    return {
      at: (us) => (this.scale.place(us) - this.from) / width,
      whole: (us) => this.scale.place(us),
      from: this.from,
      to: this.to,
      selected: this.selected,
      hits: this.hits,
      isList: this.isList,
    };
  }

  draw() {
    this.reset.hidden = this.from === 0 && this.to === 1;
    this.host.classList.toggle("list", this.isList);
    this.#titles();
    this.#idle();
    const style = getComputedStyle(this.host);
    const colours = { bad: style.getPropertyValue("--bad"), shade: style.getPropertyValue("--shade") };
    for (const kind of Object.keys(KINDS)) colours[kind] = style.getPropertyValue(`--k-${kind}`);
    drawMinimap(this.mini, this.rows, this.view, colours);
    this.#drawRows();
  }

  #drawRows() {
    const { scrollTop, clientHeight } = this.grid;
    const first = Math.max(0, Math.floor(scrollTop / ROW_PX) - SPARE_ROWS);
    const last = Math.min(this.visible.length, Math.ceil((scrollTop + clientHeight) / ROW_PX) + SPARE_ROWS);
    const view = this.view;
    const drawn = document.createDocumentFragment();
    for (let position = first; position < last; position += 1) {
      const row = this.rows[this.visible[position]];
      const isClosed = !this.hits && this.closed.has(row.index);
      const element = makeRow({ ...row, position, isClosed }, view);
      element.style.top = `${position * ROW_PX}px`;
      drawn.append(element);
    }
    this.layer.replaceChildren(drawn);
    this.near = this.visible.slice(first, last).map((index) => this.rows[index].id);
    if (!this.rows.length) make("div", "empty", this.layer, "Nothing of this trace is recorded.");
    else if (!this.visible.length) make("div", "empty", this.layer, "No row has these words.");
    const active = this.layer.querySelector(`#row-${this.selected}`);
    if (active) this.grid.setAttribute("aria-activedescendant", active.id);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  /** Mark the stretches that the scale compresses. */
  #idle() {
    this.bands.replaceChildren();
    if (this.isList) return;
    for (const [start, end] of this.scale.idle) {
      const [left, right] = [this.view.at(start), this.view.at(end)];
      if (right < 0 || left > 1) continue;
      const band = make("div", "band", this.bands);
      band.style.left = `${Math.max(0, left) * 100}%`;
      band.style.width = `${(Math.min(1, right) - Math.max(0, left)) * 100}%`;
    }
  }

  #later() {
    if (this.pending || this.version === null) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      if (this.isHeld) return;
      const width = this.host.clientWidth;
      if (width === this.width) this.#drawRows();
      else this.draw();
      this.width = width;
    });
  }

  /** Draw no row anew while one is pressed: a row that goes before the release is never clicked. */
  #held() {
    this.isHeld = true;
    for (const end of RELEASES) window.addEventListener(end, this.release);
  }

  #unheld() {
    this.isHeld = false;
    for (const end of RELEASES) window.removeEventListener(end, this.release);
  }

  #released() {
    this.#unheld();
    this.#later();
  }

  #select(index, afterMs) {
    this.selected = index;
    this.#drawRows();
    this.said.textContent = told(this.rows[index]);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.report(this.rows[index].id, this.near), afterMs);
  }

  #scrollTo(index, isCentred = false) {
    const position = this.visible.indexOf(index);
    const top = position * ROW_PX;
    const { scrollTop, clientHeight } = this.grid;
    if (isCentred) this.grid.scrollTop = Math.max(0, top - clientHeight / 2);
    else if (top < scrollTop) this.grid.scrollTop = top;
    else if (top + ROW_PX > scrollTop + clientHeight - HEAD_PX) {
      this.grid.scrollTop = top + ROW_PX - clientHeight + HEAD_PX;
    }
  }

  #toggle(index, isClosed = !this.closed.has(index)) {
    if (isClosed) this.closed.add(index);
    else this.closed.delete(index);
    this.lay();
  }

  #search() {
    this.hits = search(this.texts, this.find.value);
    this.grid.scrollTop = 0;
    this.lay();
    this.said.textContent = this.hits ? `${this.hits.size} rows found` : "";
  }

  #collapse() {
    this.closed = new Set(this.rows.filter((row) => row.below && row.kind !== "agent").map((row) => row.index));
    this.lay();
  }

  #expand() {
    this.closed.clear();
    this.lay();
  }

  #problem() {
    const index = next(this.rows.length, this.selected, (i) => this.#isBad(this.rows[i]));
    if (index < 0) {
      this.said.textContent = "No row ended badly";
      return;
    }
    reveal(index, this.up, this.closed);
    if (this.hits && !this.hits.has(index)) {
      this.find.value = "";
      this.hits = null;
    }
    this.lay();
    this.#scrollTo(index, true);
    this.#select(index, 0);
  }

  #isBad(row) {
    return row.proof === "corrupt" || !["ok", "unknown"].includes(row.status);
  }

  #compressed() {
    this.#scale(!this.isCompressed);
    this.draw();
  }

  #listed() {
    this.isList = !this.isList;
    this.list.setAttribute("aria-pressed", this.isList);
    this.draw();
  }

  #helped() {
    this.keys.hidden = !this.keys.hidden;
    this.help.setAttribute("aria-expanded", !this.keys.hidden);
  }

  /** Zoom to a stretch of what is shown (`isWhole`: of the whole trace). */
  #zoom(from, to, isWhole = false) {
    const isStretch = to - from > 0.004;
    this.from = isStretch || !isWhole ? from : 0;
    this.to = isStretch || !isWhole ? to : 1;
    this.draw();
  }

  #zoomTo(index) {
    const inside = this.rows.slice(index, this.end[index]).filter((row) => row.start !== null);
    if (!inside.length) return;
    const start = inside.reduce((least, row) => Math.min(least, row.start), Infinity);
    const end = inside.reduce((most, row) => Math.max(most, row.start + (row.length ?? 0)), 0);
    const [from, to] = [this.scale.place(start), this.scale.place(end)];
    const margin = Math.max((to - from) * 0.04, LEAST_ZOOM);
    this.#zoom(Math.max(0, from - margin), Math.min(1, to + margin));
  }

  #clicked(event) {
    const element = event.target.closest(".row");
    if (!element) return;
    const index = Number(element.dataset.index);
    if (event.target.closest(".twist") && this.rows[index].below) this.#toggle(index);
    else this.#select(index, SELECT_AFTER_MS);
  }

  #doubled(event) {
    const element = event.target.closest(".row");
    if (element && !event.target.closest(".twist")) this.#zoomTo(Number(element.dataset.index));
  }

  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = this.#keys()[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  #keys() {
    const page = Math.max(1, Math.floor(this.grid.clientHeight / ROW_PX) - 1);
    const here = this.selected;
    return {
      ArrowDown: () => this.#step(1),
      ArrowUp: () => this.#step(-1),
      PageDown: () => this.#step(page),
      PageUp: () => this.#step(-page),
      Home: () => this.#step(-Infinity),
      End: () => this.#step(Infinity),
      ArrowRight: () => this.#inward(here),
      ArrowLeft: () => this.#outward(here),
      Enter: () => here >= 0 && this.#select(here, 0),
      z: () => here >= 0 && this.#zoomTo(here),
      0: () => this.#zoom(0, 1),
      Escape: () => this.#zoom(0, 1),
      n: () => this.#problem(),
      "/": () => this.find.focus(),
      "*": () => this.#expand(),
    };
  }

  #step(by) {
    if (!this.visible.length) return;
    const at = this.visible.indexOf(this.selected);
    const position = at < 0 ? 0 : Math.min(this.visible.length - 1, Math.max(0, at + by));
    this.#scrollTo(this.visible[position]);
    this.#select(this.visible[position], SELECT_AFTER_MS);
  }

  #inward(index) {
    if (index < 0 || !this.rows[index].below) return;
    if (this.closed.has(index)) this.#toggle(index, false);
    else this.#step(1);
  }

  #outward(index) {
    if (index < 0) return;
    if (this.rows[index].below && !this.closed.has(index)) this.#toggle(index, true);
    else if (this.up[index] >= 0) {
      this.#scrollTo(this.up[index]);
      this.#select(this.up[index], SELECT_AFTER_MS);
    }
  }
}
