#!/usr/bin/env node
// `ostro-client-types schema.json > schema.d.ts`: the types of collections from their JSON Schemas, for `createClient<Schema>`.
// The file is `{ "collections": { "NAME": SCHEMA, … }, "$defs": { … } }`. Dates and bytes, which JSON Schema does not have, are
// MongoDB's `bsonType`: "date", "binData", "long".

import { readFileSync } from "node:fs";

const BSON = { date: "Date", binData: "Uint8Array", long: "number | bigint", int: "number", double: "number", bool: "boolean", objectId: "string" };
const PLAIN = { string: "string", number: "number", integer: "number", boolean: "boolean", null: "null" };

const quoted = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));
const nameOf = (name) => `${name.charAt(0).toUpperCase()}${name.slice(1)}`.replace(/\W+(\w?)/g, (_, next) => next.toUpperCase()).replace(/^(?=\d)/, "_");
// What a schema says of itself must not end the comment that it becomes.
const comment = ({ description }, indent) =>
  description === undefined ? "" : `${indent}/** ${String(description).replace(/\s+/g, " ").replaceAll("*/", "* /")} */\n`;
const union = (types) => [...new Set(types)].join(" | ") || "never";

/** The type of a schema, as TypeScript writes it. */
function typeOf(schema, indent) {
  if (schema === true || schema === undefined) return "unknown";
  if (schema === false) return "never";
  if (schema.$ref !== undefined) return reference(schema.$ref);
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return union(schema.enum.map((value) => JSON.stringify(value)));
  const choice = schema.oneOf ?? schema.anyOf;
  if (choice !== undefined) return union(choice.map((one) => typeOf(one, indent)));
  if (schema.allOf !== undefined) return schema.allOf.map((one) => `(${typeOf(one, indent)})`).join(" & ");
  const kinds = [schema.type ?? schema.bsonType ?? (schema.properties === undefined ? [] : "object")].flat();
  return kinds.length === 0 ? "unknown" : union(kinds.map((kind) => typeOfKind(kind, schema, indent)));
}

function typeOfKind(kind, schema, indent) {
  if (kind === "object") return objectOf(schema, indent);
  if (kind === "array") {
    if (schema.prefixItems !== undefined) return `[${schema.prefixItems.map((item) => typeOf(item, indent)).join(", ")}]`;
    return `(${typeOf(schema.items, indent)})[]`;
  }
  const type = PLAIN[kind] ?? BSON[kind];
  if (type === undefined) throw new Error(`there is no type ${JSON.stringify(kind)}`);
  return type;
}

function objectOf(schema, indent) {
  const { properties = {}, required = [], additionalProperties } = schema;
  const deeper = `${indent}  `;
  const fields = Object.entries(properties).map(
    ([name, field]) => `${comment(field, deeper)}${deeper}${quoted(name)}${required.includes(name) ? "" : "?"}: ${typeOf(field, deeper)};\n`,
  );
  if (fields.length === 0) return `Record<string, ${typeof additionalProperties === "object" ? typeOf(additionalProperties, indent) : "unknown"}>`;
  return `{\n${fields.join("")}${indent}}`;
}

function reference(ref) {
  const name = /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(ref)?.[1];
  if (name === undefined) throw new Error(`${JSON.stringify(ref)} leads out of the file`);
  return nameOf(decodeURIComponent(name));
}

/** The declarations for a file of schemas. */
function declarations({ collections, $defs, definitions }) {
  if (typeof collections !== "object" || collections === null) throw new Error("there are no `collections`");
  // Its `_id` is every document's own; it has a type already.
  const withoutId = ({ properties: { _id, ...properties } = {}, ...schema }) => ({ ...schema, properties });
  const documents = Object.entries(collections).map(([name, schema]) => [name, schema.properties === undefined ? schema : withoutId(schema)]);
  const named = [...Object.entries({ ...definitions, ...$defs }), ...documents];
  const names = named.map(([name]) => nameOf(name));
  const twice = names.find((name, at) => name === "Schema" || names.indexOf(name) !== at);
  if (twice !== undefined) throw new Error(`two types would be called ${twice}`);
  const types = named.map(([name, schema]) => `${comment(schema, "")}export type ${nameOf(name)} = ${typeOf(schema, "")};\n`);
  const schema = documents.map(([name]) => `  ${quoted(name)}: ${nameOf(name)};\n`).join("");
  return ["// Made by ostro-client-types; edit the schema instead.\n", ...types, `/** For createClient<Schema>(url). */\nexport interface Schema {\n${schema}}\n`].join("\n");
}

const [file] = process.argv.slice(2);
try {
  if (file === undefined) throw new Error("which file? ostro-client-types schema.json > schema.d.ts");
  process.stdout.write(declarations(JSON.parse(readFileSync(file, "utf8"))));
} catch (error) {
  console.error(`ostro-client-types: ${error.message}`);
  process.exitCode = 1;
}
