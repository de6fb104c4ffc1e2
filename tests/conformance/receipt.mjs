// The digest of a receipt by docs/spec/receipt.md alone: prints the digest of each call of the vectors, one a line.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const vectors = JSON.parse(readFileSync(process.argv[2], "utf8"));
const nonce = Buffer.from(vectors.meta["dev.tallystick/receipt"].nonce, "hex");

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

for (const { params } of vectors.calls) {
  const call = canonical({ arguments: params.arguments ?? {}, name: params.name });
  console.log(createHash("sha256").update(nonce).update(call).digest("hex"));
}
