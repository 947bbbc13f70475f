// Private SQLite databases: our own words, and those that Workers have for D1.

import { Database as HostDatabase } from "ostro:db/sql@0.1.0";

import { failureClass, withHandle } from "./failure.js";
import { bytesOf, isBufferSource, kinds } from "./own.js";

/** Why a database did not do it: `code` is `denied`, `invalid`, `constraint`, `limit` or `unavailable`. */
export const SqlError = failureClass("SqlError");

/** A value as the host takes it. */
function lower(value) {
  switch (typeof value) {
    case "string":
      return { tag: "text", val: value };
    case "boolean":
      return { tag: "integer", val: Number(value) };
    case "number":
      return { tag: Number.isSafeInteger(value) ? "integer" : "real", val: value };
    case "bigint":
      // On the way to the host an integer is a number.
      if (Number.isSafeInteger(Number(value))) return { tag: "integer", val: Number(value) };
      throw new RangeError(`sql: ${value} is beyond 2^53: bind it as text, to CAST(? AS INTEGER).`);
  }
  if (value === null) return { tag: "null" };
  if (isBufferSource(value)) return { tag: "blob", val: bytesOf(value) };
  throw new TypeError(`sql: ${value instanceof Date ? "a Date" : `a value of type ${typeof value}`} can't be bound: give a string, a number, a bigint, a boolean, null or bytes.`);
}

const lift = ({ tag, val }) => (tag === "null" ? null : val);

function bound(parameters) {
  if (parameters === undefined || parameters === null) return { tag: "positional", val: [] };
  if (Array.isArray(parameters)) return { tag: "positional", val: parameters.map(lower) };
  return { tag: "named", val: Object.entries(parameters).map(([name, value]) => [name, lower(value)]) };
}

const statement = (sql, parameters) => ({ sql: String(sql), parameters: bound(parameters) });

/** Rows as objects. */
const objects = ({ columns, rows }) =>
  rows.map((row) => Object.fromEntries(columns.map((name, at) => [name, lift(row[at])])));

/** What a statement has done, in our words and in D1's. */
function outcome({ rowsAffected, lastRowId, rows }) {
  const changes = Number(rowsAffected);
  const last = lastRowId ?? null;
  const results = objects(rows);
  return { rows: results, rowsAffected: changes, lastRowId: last, results, success: true, meta: { changes, last_row_id: last } };
}

// What only reads; of a statement that begins with WITH or PRAGMA the host knows.
const COMMENTS = /^(?:\s+|--[^\n]*\n|\/\*[^]*?\*\/)+/;
const READS = /^(?:select|values|explain|pragma|with)\b/i;
const MAY_WRITE = /^(?:pragma|with)$/i;

/** A database. */
class Database {
  static name = "Database";
  #name;

  constructor(name) {
    this.#name = name;
  }

  get name() {
    return this.#name;
  }

  #with(act) {
    return withHandle(SqlError, `sql "${this.#name}"`, () => HostDatabase.open(this.#name), act);
  }

  /** The rows of a statement that only reads. */
  async query(sql, parameters) {
    const asked = statement(sql, parameters);
    return objects(this.#with((database) => database.query(asked)));
  }

  /** Runs a statement, whole or not at all. */
  async execute(sql, parameters) {
    const asked = statement(sql, parameters);
    return outcome(this.#with((database) => database.execute(asked)));
  }

  /** Runs statements in one transaction: prepared ones, texts, or `[text, parameters]`. */
  async batch(statements) {
    const all = Array.from(statements, (one) =>
      one instanceof Prepared ? lowered(one) : Array.isArray(one) ? statement(...one) : statement(one),
    );
    return this.#with((database) => database.batch(all)).map(outcome);
  }

  /** A statement to bind and run, as of D1. */
  prepare(sql) {
    return new Prepared(String(sql), [], (asked) => this.#any(asked));
  }

  /** Runs a statement, and gives what the host does. One that only reads does not need the grant to write. */
  #any(asked) {
    const [word] = READS.exec(asked.sql.replace(COMMENTS, "")) ?? [];
    if (word !== undefined) {
      try {
        return { rowsAffected: 0, rows: this.#with((database) => database.query(asked)) };
      } catch (error) {
        if (!MAY_WRITE.test(word) || error.code !== "invalid") throw error;
      }
    }
    return this.#with((database) => database.execute(asked));
  }
}

let lowered;

/** A statement with what its parameters are bound to. */
class Prepared {
  static name = "PreparedStatement";
  #sql;
  #parameters;
  #run;

  constructor(sql, parameters, run) {
    this.#sql = sql;
    this.#parameters = parameters;
    this.#run = run;
  }

  static {
    lowered = (prepared) => statement(prepared.#sql, prepared.#parameters);
  }

  /** The same statement with other values. */
  bind(...values) {
    return new Prepared(this.#sql, values, this.#run);
  }

  async all() {
    return outcome(this.#run(lowered(this)));
  }

  async run() {
    return outcome(this.#run(lowered(this)));
  }

  /** The first row, or one column of it; null where there is none. */
  async first(column) {
    const [row = null] = objects(this.#run(lowered(this)).rows);
    if (row === null || column === undefined) return row;
    if (!Object.hasOwn(row, column)) throw new SqlError(`sql: there is no column "${column}"`, "invalid");
    return row[column];
  }

  /** The rows as arrays, with as many values as there are columns, whatever their names. */
  async raw({ columnNames = false } = {}) {
    const { columns, rows } = this.#run(lowered(this)).rows;
    const values = rows.map((row) => row.map(lift));
    return columnNames ? [columns, ...values] : values;
  }
}

kinds.sql = Database;

/** The databases of the project: `import { sql } from "ostro"`. */
export const sql = { database: (name) => new Database(String(name)) };
