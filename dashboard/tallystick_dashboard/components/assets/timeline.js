// Time: from microseconds to a place between 0 and 1 and back. No DOM here.

const UNITS = [
  [86_400_000_000, "d"],
  [3_600_000_000, "h"],
  [60_000_000, "min"],
  [1_000_000, "s"],
  [1_000, "ms"],
  [1, "µs"],
];
const IDLE_SHARE = 0.04;
const KEPT_SHARE = 0.025;

/** A duration in one unit, three figures: 412 µs, 3.42 ms, 51.2 s. */
export function duration(us) {
  const [size, unit] = UNITS.find(([least]) => Math.abs(us) >= least) ?? UNITS.at(-1);
  const value = us / size;
  const digits = size === 1 || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${unit}`;
}

/** A moment on an axis whose ticks are `step` apart: as many figures as tell two ticks apart. */
export function moment(us, step) {
  const [size, unit] = UNITS.find(([least]) => Math.abs(us) >= least) ?? UNITS.at(-1);
  const digits = Math.ceil(Math.log10(size / Math.max(step, 1)) - 1e-9);
  return us ? `${(us / size).toFixed(Math.min(6, Math.max(0, digits)))} ${unit}` : "0";
}

/** Join intervals [start, end] that touch; sorted. */
export function joined(intervals) {
  const sorted = [...intervals].sort((one, other) => one[0] - other[0]);
  const found = [];
  for (const [start, end] of sorted) {
    const last = found.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else found.push([start, end]);
  }
  return found;
}

/** Stretches of [0, total] in which nothing of `busy` runs, each at least a share of the whole. */
export function idleTimes(busy, total) {
  const idle = [];
  let at = 0;
  for (const [start, end] of [...joined(busy), [total, total]]) {
    if (start - at >= total * IDLE_SHARE) idle.push([at, start]);
    at = Math.max(at, end);
  }
  return idle;
}

/** A scale on which each idle stretch takes a small fixed share; with no idle times it is linear. */
export function makeScale(total, idle = []) {
  const length = Math.max(total, 1);
  const left = idle.reduce((rest, [start, end]) => rest - (end - start), length);
  const kept = Math.max(left, length * KEPT_SHARE) * KEPT_SHARE;
  const points = [[0, 0]];
  let shift = 0;
  for (const [start, end] of idle) {
    const place = Math.min(kept, end - start);
    points.push([start, start - shift]);
    shift += end - start - place;
    points.push([end, end - shift]);
  }
  points.push([length, length - shift]);
  const size = points.at(-1)[1] || 1;
  return {
    idle,
    place: (us) => along(points, us, 0, 1) / size,
    time: (place) => along(points, place * size, 1, 0),
  };
}

function along(points, value, from, to) {
  let i = 1;
  while (i < points.length - 1 && value > points[i][from]) i += 1;
  const [low, high] = [points[i - 1], points[i]];
  const width = high[from] - low[from];
  return width ? low[to] + ((value - low[from]) / width) * (high[to] - low[to]) : high[to];
}

/** Round times for about `count` ticks between two times; evenly spread where time is compressed. */
export function ticks(scale, from, to, count) {
  if (scale.idle.length) {
    return Array.from({ length: count }, (_, i) => scale.time(from + ((to - from) * i) / count));
  }
  const [start, end] = [scale.time(from), scale.time(to)];
  const step = roundStep((end - start) / count);
  const found = [];
  for (let time = Math.ceil(start / step) * step; time < end && found.length < 50; time += step) {
    found.push(time);
  }
  return found;
}

function roundStep(least) {
  const size = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return [1, 2, 5, 10].map((one) => one * size).find((one) => one >= least) ?? size * 10;
}
