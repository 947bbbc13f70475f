// Domain names with characters beyond ASCII, in place of the 215 KB tables of the URL library's own dependency: mapping
// by what the interpreter knows of Unicode (NFKC, lower case, properties), Punycode by RFC 3492.
//
// Where this differs from UTS 46: a few dozen characters whose mapping is neither their lower case nor their NFKC form,
// and the rules for joiners and for right-to-left labels, which are not checked.

const BASE = 36;
const T_MIN = 1;
const T_MAX = 26;
const SKEW = 38;
const DAMP = 700;
const FIRST_BIAS = 72;
const FIRST_CODE = 128;
const LARGEST = 0x7fffffff;

function adapt(delta, points, first) {
  let left = first ? Math.floor(delta / DAMP) : delta >> 1;
  left += Math.floor(left / points);
  let k = 0;
  for (; left > ((BASE - T_MIN) * T_MAX) >> 1; k += BASE) left = Math.floor(left / (BASE - T_MIN));
  return k + Math.floor(((BASE - T_MIN + 1) * left) / (left + SKEW));
}

const threshold = (k, bias) => Math.min(Math.max(k - bias, T_MIN), T_MAX);
const digitChar = (digit) => String.fromCharCode(digit < 26 ? 97 + digit : 22 + digit);

function digitValue(code) {
  if (code >= 48 && code <= 57) return code - 22;
  if (code >= 65 && code <= 90) return code - 65;
  return code >= 97 && code <= 122 ? code - 97 : BASE;
}

/** One number of the encoding, as digits of growing weight. */
function variableLength(value, bias) {
  let text = "";
  for (let k = BASE; ; k += BASE) {
    const t = threshold(k, bias);
    if (value < t) return text + digitChar(value);
    text += digitChar(t + ((value - t) % (BASE - t)));
    value = Math.floor((value - t) / (BASE - t));
  }
}

/** Punycode of a label, without `xn--`. */
export function encodeLabel(label) {
  const points = Array.from(label, (char) => char.codePointAt(0));
  const basic = points.filter((point) => point < FIRST_CODE);
  let output = String.fromCharCode(...basic) + (basic.length > 0 ? "-" : "");
  let code = FIRST_CODE;
  let delta = 0;
  let bias = FIRST_BIAS;
  for (let done = basic.length; done < points.length; delta += 1, code += 1) {
    const next = Math.min(...points.filter((point) => point >= code));
    delta += (next - code) * (done + 1);
    code = next;
    for (const point of points) {
      if (point < code) delta += 1;
      if (point !== code) continue;
      output += variableLength(delta, bias);
      bias = adapt(delta, done + 1, done === basic.length);
      delta = 0;
      done += 1;
    }
  }
  return output;
}

/** The label that this is Punycode of, or null if it is none. */
export function decodeLabel(text) {
  const end = Math.max(text.lastIndexOf("-"), 0);
  const output = Array.from(text.slice(0, end), (char) => char.codePointAt(0));
  let at = end > 0 ? end + 1 : 0;
  let code = FIRST_CODE;
  let index = 0;
  let bias = FIRST_BIAS;
  while (at < text.length) {
    const before = index;
    for (let weight = 1, k = BASE; ; k += BASE) {
      const digit = at < text.length ? digitValue(text.charCodeAt(at)) : BASE;
      at += 1;
      if (digit >= BASE) return null;
      index += digit * weight;
      const t = threshold(k, bias);
      if (digit < t) break;
      weight *= BASE - t;
      if (index > LARGEST || weight > LARGEST) return null;
    }
    const length = output.length + 1;
    bias = adapt(index - before, length, before === 0);
    code += Math.floor(index / length);
    index %= length;
    if (code > 0x10ffff) return null;
    output.splice(index, 0, code);
    index += 1;
  }
  return String.fromCodePoint(...output);
}

// Characters that vanish: soft hyphen, joiners' kin, variation selectors.
const IGNORED = /[\u00ad\u034f\u180b-\u180f\u200b\u2060\u2064\ufe00-\ufe0f\ufeff]/g;
const FULL_STOPS = /[\u3002\uff0e\uff61]/g;
// Unassigned, private, surrogates, controls, spaces, and what only formats text; and marks that a label begins with. An
// expression with classes of Unicode is 20 KB of ranges: it is made when the first such name comes.
const DISALLOWED = String.raw`[\p{Cn}\p{Co}\p{Cs}\p{Cc}\p{Zl}\p{Zp}\p{Zs}\u061c\u200e\u200f\u202a-\u202e\u2061-\u2063\u2066-\u206f\u{1d173}-\u{1d17a}\u{e0001}-\u{e007f}\ufffc\ufffd]`;
let wrong = null;

const map = (domain) =>
  domain.replace(IGNORED, "").replace(FULL_STOPS, ".").replaceAll("\u1e9e", "ss").toLowerCase().normalize("NFKC").toLowerCase().normalize("NFC");

/** Whether a label, mapped, may stand in a domain name. */
function isValid(label) {
  wrong ??= new RegExp(`${DISALLOWED}|^\\p{M}`, "u");
  return !wrong.test(label) && label === label.normalize("NFC");
}

/** Whether what stands behind `xn--` decodes to a label that needed it. */
function isValidAce(text) {
  const label = decodeLabel(text);
  return label !== null && label !== "" && /[^\x00-\x7f]/.test(label) && isValid(label) && map(label) === label;
}

/** The ASCII form of a domain name, or null if it has none. */
export function toASCII(domain) {
  const labels = [];
  for (const label of map(domain).split(".")) {
    if (label.startsWith("xn--")) {
      if (/[^\x00-\x7f]/.test(label) || !isValidAce(label.slice(4))) return null;
      labels.push(label);
    } else if (/[^\x00-\x7f]/.test(label)) {
      if (!isValid(label)) return null;
      labels.push(`xn--${encodeLabel(label)}`);
    } else {
      labels.push(label);
    }
  }
  return labels.join(".");
}
