// What `ostro-client-types` makes of schemas; that the result fits the client is shown by `types.ts`.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";

function made(t: TestContext, schema: unknown): { text: string; fault: string; status: number | null } {
  const folder = mkdtempSync(join(tmpdir(), "ostro-types-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "schema.json");
  writeFileSync(file, JSON.stringify(schema));
  const tool = fileURLToPath(new URL("../../tools/types.mjs", import.meta.url));
  const { stdout, stderr, status } = spawnSync(process.execPath, [tool, file], { encoding: "utf8" });
  return { text: stdout, fault: stderr, status };
}

test("schemas become types", (t) => {
  const field = (schema: unknown) => /a\??: (.*);\n\};/.exec(made(t, { collections: { c: { properties: { a: schema } } } }).text)?.[1];
  assert.equal(field({ type: ["integer", "null"] }), "number | null");
  assert.equal(field({ enum: ["x", 1, null] }), '"x" | 1 | null');
  assert.equal(field({ const: "x" }), '"x"');
  assert.equal(field({ type: "array", items: { type: ["string", "number"] } }), "(string | number)[]");
  assert.equal(field({ type: "array", prefixItems: [{ type: "string" }, true] }), "[string, unknown]");
  assert.equal(field({ oneOf: [{ bsonType: "date" }, { bsonType: "long" }] }), "Date | number | bigint");
  assert.equal(field({ allOf: [{ $ref: "#/$defs/x y" }, { bsonType: "binData" }] }), "(XY) & (Uint8Array)");
  assert.equal(field({ type: "object", additionalProperties: { type: "number" } }), "Record<string, number>");
});

test("what cannot be said in types is a fault", (t) => {
  for (const schema of [{}, { collections: { a: { type: "text" } } }, { collections: { a: { $ref: "other.json" } } }, { collections: { a: true, A: true } }, { collections: { schema: true } }]) {
    const { text, fault, status } = made(t, schema);
    assert.deepEqual([text, status], ["", 1], JSON.stringify(schema));
    assert.match(fault, /^ostro-client-types: /);
  }
});
