// Recorded texts come from models, tools and strangers. What would not be seen as itself is spelled
// out: control characters, marks that turn the direction of writing, characters of no width.

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u115f\u1160\u2800\u3164\uffa0]/u;
const MARK = /[\p{Mn}\p{Me}]/u;
const MAX_MARKS = 2;
const PLAIN = /^[\x20-\x7e]*$/u;

/** The text on one line, inert, cut at `limit` characters. */
export function safe(text, limit = 20_000) {
  const value = String(text ?? "");
  if (value.length <= limit && PLAIN.test(value)) return value;
  const shown = [];
  let marks = 0;
  let left = limit;
  for (const char of value) {
    if (left === 0) return `${shown.join("")}…`;
    left -= 1;
    marks = MARK.test(char) ? marks + 1 : 0;
    shown.push(UNSEEN.test(char) || marks > MAX_MARKS ? spelled(char) : char);
  }
  return shown.join("");
}

function spelled(char) {
  const known = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[char];
  if (known) return known;
  const code = char.codePointAt(0);
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}
