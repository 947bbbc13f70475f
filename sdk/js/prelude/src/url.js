// URL: the usual kind of address is taken apart by one regular expression, everything else by the library's parser,
// which takes an interpreter 10 µs per character.

import { part } from "./parts.js";
import { URLSearchParams, bindParams, refillParams } from "./search-params.js";

// http and https, a plain host name, and a path, a query and a fragment of characters that parsing leaves alone.
const PLAIN =
  /^(https?):\/\/((?:[a-z0-9_-]+\.)*[a-z_-][a-z0-9_-]*)(:[1-9][0-9]{0,4})?(\/(?:[A-Za-z0-9_~!$&'()*+,;=:@%/-]|[.](?=[A-Za-z0-9_~-]))*)(\?[A-Za-z0-9._~!$&()*+,;=:@%/?-]*)?(#[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?$/;
// What the expression lets through although parsing would change it: Punycode to check, dots in disguise, `..name` is fine.
const SUSPECT = /xn--|%2e|:80\b|:443\b/i;

/** The parts of a plain address, as the URL standard names them, or null if it is not plain. */
function plainParts(href) {
  const match = PLAIN.exec(href);
  if (match === null || SUSPECT.test(href)) return null;
  const port = match[3] === undefined ? null : Number(match[3].slice(1));
  if (port > 65535) return null;
  return match;
}

/** The library. */
const machine = () => part("url");

const parse = (input, base) => machine().basicURLParse(input, base === undefined ? {} : { baseURL: base });

/** The library's record of a base, or undefined for none; throws for one that is no address. */
function baseRecord(base) {
  if (base === undefined) return undefined;
  const record = parse(String(base).toWellFormed());
  if (record === null) throw new TypeError(`Invalid base URL: ${base}`);
  return record;
}

const DEFAULT_BLOCKED = new Set(["", "?"]);

export class URL {
  // Exactly one is there: the match of a plain address, or the library's record.
  #plain;
  #record = null;
  #params = null;

  constructor(url, base) {
    const input = String(url).toWellFormed();
    this.#plain = plainParts(input);
    if (this.#plain !== null && (base === undefined || plainParts(String(base)) !== null)) return;
    this.#plain = null;
    this.#record = parse(input, baseRecord(base));
    if (this.#record === null) throw new TypeError(`Invalid URL: ${input}`);
  }

  static canParse(url, base) {
    return URL.parse(url, base) !== null;
  }

  static parse(url, base) {
    try {
      return new URL(url, base);
    } catch {
      return null;
    }
  }

  static createObjectURL() {
    throw new TypeError("URL.createObjectURL is not available: there is no document to show an object in.");
  }

  static revokeObjectURL() {}

  /** The library's record, which setters change; made when one is first called. */
  #edit() {
    if (this.#record === null) {
      this.#record = parse(this.#plain[0]);
      this.#plain = null;
    }
    return this.#record;
  }

  #setPart(value, stateOverride) {
    const record = this.#edit();
    machine().basicURLParse(String(value).toWellFormed(), { url: record, stateOverride });
  }

  get href() {
    return this.#plain === null ? machine().serializeURL(this.#record) : this.#plain[0];
  }

  set href(value) {
    const record = parse(String(value).toWellFormed());
    if (record === null) throw new TypeError(`Invalid URL: ${value}`);
    this.#plain = null;
    this.#record = record;
    if (this.#params !== null) refillParams(this.#params, record.query ?? "");
  }

  get origin() {
    if (this.#plain === null) return machine().serializeURLOrigin(this.#record);
    return `${this.#plain[1]}://${this.#plain[2]}${this.#plain[3] ?? ""}`;
  }

  get protocol() {
    return `${this.#plain === null ? this.#record.scheme : this.#plain[1]}:`;
  }

  set protocol(value) {
    this.#setPart(`${value}:`, "scheme start");
  }

  get username() {
    return this.#record?.username ?? "";
  }

  set username(value) {
    const record = this.#edit();
    if (!machine().cannotHaveAUsernamePasswordPort(record)) machine().setTheUsername(record, String(value).toWellFormed());
  }

  get password() {
    return this.#record?.password ?? "";
  }

  set password(value) {
    const record = this.#edit();
    if (!machine().cannotHaveAUsernamePasswordPort(record)) machine().setThePassword(record, String(value).toWellFormed());
  }

  get host() {
    const port = this.port;
    return port === "" ? this.hostname : `${this.hostname}:${port}`;
  }

  set host(value) {
    if (!machine().hasAnOpaquePath(this.#edit())) this.#setPart(value, "host");
  }

  get hostname() {
    if (this.#plain !== null) return this.#plain[2];
    return this.#record.host === null ? "" : machine().serializeHost(this.#record.host);
  }

  set hostname(value) {
    if (!machine().hasAnOpaquePath(this.#edit())) this.#setPart(value, "hostname");
  }

  get port() {
    if (this.#plain !== null) return this.#plain[3]?.slice(1) ?? "";
    return this.#record.port === null ? "" : String(this.#record.port);
  }

  set port(value) {
    const record = this.#edit();
    if (machine().cannotHaveAUsernamePasswordPort(record)) return;
    if (String(value) === "") record.port = null;
    else this.#setPart(value, "port");
  }

  get pathname() {
    return this.#plain === null ? machine().serializePath(this.#record) : this.#plain[4];
  }

  set pathname(value) {
    const record = this.#edit();
    if (machine().hasAnOpaquePath(record)) return;
    record.path = [];
    this.#setPart(value, "path start");
  }

  get search() {
    const search = this.#plain === null ? `?${this.#record.query ?? ""}` : (this.#plain[5] ?? "");
    return DEFAULT_BLOCKED.has(search) ? "" : search;
  }

  set search(value) {
    const record = this.#edit();
    const text = String(value).toWellFormed();
    const query = text.startsWith("?") ? text.slice(1) : text;
    record.query = text === "" ? null : "";
    if (text !== "") this.#setPart(query, "query");
    if (this.#params !== null) refillParams(this.#params, query);
  }

  get searchParams() {
    this.#params ??= bindParams(new URLSearchParams(this.search), (query) => {
      const record = this.#edit();
      record.query = query === "" ? null : query;
    });
    return this.#params;
  }

  get hash() {
    const hash = this.#plain === null ? `#${this.#record.fragment ?? ""}` : (this.#plain[6] ?? "");
    return hash === "#" ? "" : hash;
  }

  set hash(value) {
    const record = this.#edit();
    const text = String(value).toWellFormed();
    record.fragment = text === "" ? null : "";
    if (text !== "") this.#setPart(text.startsWith("#") ? text.slice(1) : text, "fragment");
  }

  toString() {
    return this.href;
  }

  toJSON() {
    return this.href;
  }

  get [Symbol.toStringTag]() {
    return "URL";
  }
}

/** The text of an address, resolved and normalised; throws for one that is none. */
export const normalizeUrl = (input) => (plainParts(input) === null ? new URL(input).href : input);
