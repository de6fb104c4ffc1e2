// Making elements. Text goes in as text: what agents and tools wrote is never read as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Icons of 16 by 16, drawn in strokes of the current colour. */
const ICONS = {
  sealed: "M8 1.5 13 3.5V8c0 3-2.2 5.2-5 6.5C5.2 13.2 3 11 3 8V3.5Z M5.7 8l1.7 1.7 3-3.3",
  recovered: "M3 8a5 5 0 1 0 1.6-3.7 M3 2.5v3h3",
  unsealed: "M8 1.5 13 3.5V8c0 3-2.2 5.2-5 6.5C5.2 13.2 3 11 3 8V3.5Z",
  derived: "M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8Z M8 6.4a1.6 1.6 0 1 0 .01 0",
  corrupt: "M5.3 1.8h5.4l3.5 3.5v5.4l-3.5 3.5H5.3l-3.5-3.5V5.3Z M5.8 5.8l4.4 4.4 M10.2 5.8l-4.4 4.4",
  none: "M8 7.4a.6.6 0 1 0 .01 0",
  ok: "M3.2 8.4l3 3 6.6-6.8",
  failed: "M4 4l8 8 M12 4l-8 8",
  denied: "M8 2a6 6 0 1 0 .01 0 M3.9 3.9l8.2 8.2",
  timeout: "M8 2a6 6 0 1 0 .01 0 M8 4.6V8l2.4 1.6",
  cancelled: "M8 2a6 6 0 1 0 .01 0 M5 8h6",
  unknown: "M5.8 6a2.2 2.2 0 1 1 3 2c-.6.3-.8.7-.8 1.4 M8 11.6v.2",
  unseen: "M2.5 8h2 M7 8h2 M11.5 8h2",
  joined: "M2 5.2h9 M8.4 2.6 11 5.2 8.4 7.8 M14 10.8H5 M7.6 8.2 5 10.8l2.6 2.6",
  link: "M6.6 9.4a2.6 2.6 0 0 0 3.7 0l2.3-2.3a2.6 2.6 0 0 0-3.7-3.7l-.8.8 M9.4 6.6a2.6 2.6 0 0 0-3.7 0L3.4 8.9a2.6 2.6 0 0 0 3.7 3.7l.8-.8",
};

/** Make an element with classes, inside `parent`, holding `text`. */
export function make(tag, classes = "", parent = null, text = null) {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  if (text !== null) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

/** Make an icon; it is decoration, so say in words nearby what it means. */
export function icon(name, classes = "", parent = null) {
  const image = document.createElementNS(SVG, "svg");
  image.setAttribute("viewBox", "0 0 16 16");
  image.setAttribute("class", `icon ${classes}`);
  image.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name] ?? ICONS.unknown);
  image.append(path);
  if (parent) parent.append(image);
  return image;
}

/** Set the palette that fits the page's background, now and when the person's scheme changes. */
export function followPalette(host, changed) {
  const set = () => {
    const palette = isDark(getComputedStyle(host).getPropertyValue("--st-background-color"))
      ? "dark"
      : "light";
    if (host.dataset.palette === palette) return;
    host.dataset.palette = palette;
    changed();
  };
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const later = () => setTimeout(set, 120);
  scheme.addEventListener("change", later);
  set();
  return () => scheme.removeEventListener("change", later);
}

function isDark(colour) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = colour.trim() || "#ffffff";
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return red * 0.299 + green * 0.587 + blue * 0.114 < 128;
}
