// Percent-encoding for the URL library, whose own dependency carries tables for thirty legacy encodings. UTF-8 only.

const escapeChar = (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
const patterns = new Map();

/** Matches control characters, what is beyond ASCII, and the characters of a set. */
function patternOf(encodeSet) {
  const known = patterns.get(encodeSet);
  if (known !== undefined) return known;
  const literal = encodeSet.replace(/[\]\\^-]/g, "\\$&");
  const pattern = new RegExp(`[\\x00-\\x1f\\x7f-\\xff${literal}]`, "g");
  patterns.set(encodeSet, pattern);
  return pattern;
}

/** Percent-encodes a string's UTF-8, as far as the characters of `encodeSet` and what is always encoded. */
export const percentEncodeAfterEncoding = (_encoding, input, encodeSet) =>
  unescape(encodeURIComponent(input.toWellFormed())).replace(patternOf(encodeSet), escapeChar);
