// What the chain asks and changes, put into MongoDB's words. There a nested object means its fields, here and in CloudBase:
// `{ address: { city: "Rome" } }` is `{ "address.city": "Rome" }`.

type Clause = Record<string, unknown>;

/** What is asked of a field, or with `and`, `or` and `nor` of several: `_.gt(18)`. */
export class Condition {
  readonly operator: string;
  readonly operand: unknown;

  constructor(operator: string, operand: unknown) {
    this.operator = operator;
    this.operand = operand;
  }

  /** Both hold: `_.gt(18).and(_.lt(65))`. */
  and(...others: unknown[]): Condition {
    return new Logic("$and", [this, ...partsOf(others)]);
  }

  /** One of them holds. */
  or(...others: unknown[]): Condition {
    return new Logic("$or", [this, ...partsOf(others)]);
  }

  /** The clauses that it means for a field. */
  at(path: string): Clause[] {
    if (path === "") throw new TypeError("The condition is of no field.");
    return [{ [path]: this.toJSON() }];
  }

  /** As MongoDB's operators, where a field stands before it already. */
  toJSON(): Clause {
    return { [this.operator]: this.operand };
  }
}

/** Conditions, or objects of them, that hold together, one of them, or none. */
export class Logic extends Condition {
  declare readonly operand: unknown[];

  override at(path: string): Clause[] {
    const parts = this.operand.map((part) => clausesOf(part, path));
    return this.operator === "$and" ? parts.flat() : [{ [this.operator]: parts.map(merged) }];
  }

  override toJSON(): Clause {
    const one = merged(this.operand.map((part) => (part instanceof Condition ? part.toJSON() : { $eq: part })));
    if (this.operator === "$and" && !one["$and"]) return one;
    throw new TypeError(`${this.operator} stands in where().`);
  }
}

/** One list, or the arguments themselves. */
export const partsOf = (given: unknown[]): unknown[] => (given.length === 1 && Array.isArray(given[0]) ? given[0] : given);

/** A filter in MongoDB's words. */
export const filterOf = (conditions: unknown): Clause => merged(clausesOf(conditions, ""));

function clausesOf(asked: unknown, path: string): Clause[] {
  if (asked instanceof Condition) return asked.at(path);
  if (isPlain(asked)) {
    const fields = Object.entries(asked);
    if (path !== "" && isWhole(fields)) return [{ [path]: asked }];
    return fields.flatMap(([name, value]) => (name.startsWith("$") ? [{ [name]: value }] : clausesOf(value, below(path, name))));
  }
  if (path === "") throw new TypeError("The condition is of no field.");
  return [{ [path]: asked }];
}

/** Clauses as one object; with `$and` where two are about the same. */
function merged(clauses: Clause[]): Clause {
  const one: Clause = {};
  for (const clause of clauses) {
    for (const [name, value] of Object.entries(clause)) {
      if (Object.hasOwn(one, name)) return { $and: clauses };
      one[name] = value;
    }
  }
  return one;
}

/** What becomes of a field: `_.inc(1)`. */
export class Assignment {
  readonly operator: string;
  readonly operand: unknown;

  constructor(operator: string, operand: unknown) {
    this.operator = operator;
    this.operand = operand;
  }

  /** Nothing of it may be stored as if it were a value. */
  toJSON(): never {
    throw new TypeError(`${this.operator} stands in update().`);
  }
}

/** An update in MongoDB's words: fields are set, those of nested objects one by one, unless `_` says otherwise. */
export function updateOf(changes: object): Record<`$${string}`, Clause> {
  const update: Record<string, Clause> = {};
  const walk = (value: unknown, path: string) => {
    const fields = isPlain(value) ? Object.entries(value) : [];
    if (!isWhole(fields)) return fields.forEach(([name, inner]) => walk(inner, below(path, name)));
    const { operator, operand } = value instanceof Assignment ? value : { operator: "$set", operand: value };
    if (operand !== undefined && path !== "") (update[operator] ??= {})[path] = operand;
  };
  if (isWhole(Object.entries(changes))) return changes as Record<`$${string}`, Clause>;
  walk(changes, "");
  return update;
}

/** An object that is a value of its own: an empty one, or one of operators or forms (`$gt`, `$date`). */
const isWhole = (fields: [string, unknown][]) => fields.length === 0 || fields.some(([name]) => name.startsWith("$"));

const below = (path: string, name: string) => (path === "" ? name : `${path}.${name}`);

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
