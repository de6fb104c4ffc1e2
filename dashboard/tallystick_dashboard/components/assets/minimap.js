// The whole trace in a strip: a line for each row, and the part of time that is zoomed to.

/** Draw the strip; `view.whole` places a time between 0 and 1 of the whole trace. */
export function drawMinimap(canvas, rows, view, colours) {
  const { width, height } = canvas.getBoundingClientRect();
  if (!width || !height) return;
  const ratio = globalThis.devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const line = height / Math.max(rows.length, 1);
  rows.forEach((row, at) => {
    if (row.start === null) return;
    const left = view.whole(row.start) * width;
    const right = view.whole(row.start + (row.length ?? 0)) * width;
    const isBad = row.status !== "ok" && row.status !== "unknown";
    pen.fillStyle = isBad ? colours.bad : colours[row.kind];
    pen.globalAlpha = isBad ? 1 : 0.8;
    pen.fillRect(left, at * line, Math.max(1.5, right - left), Math.max(1, Math.min(line - 0.5, 5)));
  });
  pen.globalAlpha = 0.55;
  pen.fillStyle = colours.shade;
  pen.fillRect(0, 0, view.from * width, height);
  pen.fillRect(view.to * width, 0, width - view.to * width, height);
}

/** Let a drag over `element` choose a stretch; `chosen(from, to)` gets places from 0 to 1. */
export function dragToZoom(element, chosen) {
  let start = null;
  const brush = element.parentElement.querySelector(".brush");
  const place = (event) => {
    const { left, width } = element.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / width));
  };
  const show = (from, to) => {
    brush.hidden = false;
    brush.style.left = `${from * 100}%`;
    brush.style.width = `${(to - from) * 100}%`;
  };
  element.onpointerdown = (event) => {
    start = place(event);
    element.setPointerCapture(event.pointerId);
  };
  element.onpointermove = (event) => {
    if (start !== null) show(Math.min(start, place(event)), Math.max(start, place(event)));
  };
  element.onpointerup = (event) => {
    if (start === null) return;
    const [from, to] = [Math.min(start, place(event)), Math.max(start, place(event))];
    start = null;
    brush.hidden = true;
    chosen(from, to);
  };
}
