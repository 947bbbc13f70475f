// Stack traces in the user's own lines: transformed modules come with a map, and the prelude's frames are left out.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PRELUDE = /^ostro:|^componentize-qjs:/;

let maps = {};
const decoded = new Map();

/** Numbers of a base64 VLQ text, as source maps (version 3) have them. */
function numbers(text) {
  const result = [];
  let value = 0;
  let shift = 0;
  for (const char of text) {
    const digit = DIGITS.indexOf(char);
    value |= (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    result.push(value & 1 ? -(value >>> 1) : value >>> 1);
    value = 0;
    shift = 0;
  }
  return result;
}

/** Segments `[column, source line, source column]` of each generated line, all counted from 0. */
function decode(mappings) {
  let line = 0;
  let column = 0;
  return mappings.split(";").map((row) => {
    let at = 0;
    const segments = [];
    for (const text of row.split(",")) {
      const [step, source, lines, columns] = numbers(text);
      if (step === undefined) continue;
      at += step;
      if (source === undefined) continue;
      line += lines;
      column += columns;
      segments.push([at, line, column]);
    }
    return segments;
  });
}

/** The place in the source that a place in a module was made of; lines and columns are counted from 1. */
export function original(file, line, column) {
  if (!Object.hasOwn(maps, file)) return [line, column];
  if (!decoded.has(file)) decoded.set(file, decode(maps[file]));
  const segments = decoded.get(file)[line - 1] ?? [];
  const segment = segments.findLast(([at]) => at <= column - 1) ?? segments[0];
  return segment === undefined ? [line, column] : [segment[1] + 1, segment[2] + 1];
}

/** One line of a trace, or null for frames that are not the user's. */
function frame(site) {
  const file = site.getFileName();
  if (typeof file !== "string" || PRELUDE.test(file)) return null;
  const [line, column] = original(file, site.getLineNumber() ?? 1, site.getColumnNumber() ?? 1);
  const place = `${file}:${line}:${column}`;
  const name = site.getFunctionName();
  return name ? `    at ${name} (${place})` : `    at ${place}`;
}

/** Takes over stack traces: `tables` has the mappings of each transformed module. */
export function installStacks(tables) {
  maps = tables ?? {};
  Error.prepareStackTrace = (error, sites) => {
    const head = `${error?.name ?? "Error"}: ${error?.message ?? ""}`;
    return [head, ...sites.map(frame).filter((line) => line !== null)].join("\n");
  };
}
