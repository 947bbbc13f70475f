// console, on the function's log.

import { format, inspect } from "./inspect.js";
import { log } from "./wit.js";

const counts = new Map();
const starts = new Map();
let indent = "";

/** Writes one entry to the log. */
export function write(level, text) {
  log(level, "", indent === "" ? text : indent + text.replaceAll("\n", `\n${indent}`));
}

const at = (level) => (...values) => write(level, format(values));

/** Rows of a table with columns as wide as they must be. */
function table(data) {
  if (typeof data !== "object" || data === null) return format([data]);
  const rows = Object.entries(data).map(([index, row]) =>
    typeof row === "object" && row !== null ? { "(index)": index, ...row } : { "(index)": index, Values: row },
  );
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cell = (row, column) => (column === "(index)" ? row[column] : Object.hasOwn(row, column) ? inspect(row[column], 1) : "");
  const widths = columns.map((column) => Math.max(column.length, ...rows.map((row) => cell(row, column).length)));
  const line = (cells) => cells.map((text, column) => text.padEnd(widths[column])).join("  ").trimEnd();
  return [line(columns), ...rows.map((row) => line(columns.map((column) => cell(row, column))))].join("\n");
}

function sinceStart(label) {
  const start = starts.get(String(label));
  return start === undefined ? null : `${label}: ${(performance.now() - start).toFixed(3)} ms`;
}

export const console = {
  log: at("info"),
  info: at("info"),
  debug: at("debug"),
  warn: at("warn"),
  error: at("error"),
  dir: (value) => write("info", inspect(value)),
  dirxml: at("info"),
  trace: (...values) => write("trace", `${["Trace", ...(values.length > 0 ? [format(values)] : [])].join(": ")}\n${new Error().stack}`),
  table: (data) => write("info", table(data)),
  assert(condition, ...values) {
    if (!condition) write("error", values.length > 0 ? `Assertion failed: ${format(values)}` : "Assertion failed");
  },
  count(label = "default") {
    const count = (counts.get(String(label)) ?? 0) + 1;
    counts.set(String(label), count);
    write("info", `${label}: ${count}`);
  },
  countReset: (label = "default") => void counts.delete(String(label)),
  time: (label = "default") => void starts.set(String(label), performance.now()),
  timeLog(label = "default", ...values) {
    const text = sinceStart(label);
    if (text !== null) write("info", [text, ...(values.length > 0 ? [format(values)] : [])].join(" "));
  },
  timeEnd(label = "default") {
    const text = sinceStart(label);
    if (text !== null) write("info", text);
    starts.delete(String(label));
  },
  group(...values) {
    if (values.length > 0) write("info", format(values));
    indent += "  ";
  },
  groupCollapsed: (...values) => console.group(...values),
  groupEnd() {
    indent = indent.slice(2);
  },
  clear() {},
};
