//! mingo's answers: reads cases a line on standard input, writes an outcome a line.

import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// mingo is installed in the folder that we are started in, not beside this file.
const mingo = await import(pathToFileURL(createRequire(`${process.cwd()}/`).resolve("mingo")).href);

/** Extended JSON to values of JavaScript. */
function decode(value) {
  if (Array.isArray(value)) return value.map(decode);
  if (value === null || typeof value !== "object") return value;
  if ("$date" in value) return new Date(value.$date);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, decode(inner)]));
}

/** And back. What is undefined is not there. */
function encode(value) {
  if (value instanceof Date) return { $date: value.toISOString() };
  if (Array.isArray(value)) return value.map((inner) => (inner === undefined ? null : encode(inner)));
  if (typeof value === "number" && !Number.isFinite(value)) return { $numberDouble: String(value) };
  if (value === null || typeof value !== "object") return value;
  if (value instanceof RegExp) return String(value);
  const there = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(there.map(([name, inner]) => [name, encode(inner)]));
}

const answers = {
  filter: (query, [document]) => new mingo.Query(query).test(document),
  projection: (query, documents) => mingo.find(documents, {}, query).all()[0],
  sort: (query, documents) => mingo.find(documents, {}).sort(query).all().map((document) => document._id),
  pipeline: (query, documents) => mingo.aggregate(documents, query),
  update: (query, [document]) => {
    mingo.update(document, query);
    return document;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { n, kind, query, documents } = JSON.parse(line);
  let outcome;
  try {
    outcome = { ok: encode(answers[kind](decode(query), decode(documents))) };
  } catch (error) {
    outcome = { fault: String(error?.message ?? error) };
  }
  console.log(JSON.stringify({ n, ...outcome }));
}
