// `_`: the words of CloudBase's chain for conditions and changes.

import { Assignment, Condition, Logic, filterOf, partsOf } from "./conditions.ts";

/** What `push` is told when there is more to say than the elements. */
export interface Pushed {
  each: unknown[];
  position?: number;
  sort?: unknown;
  slice?: number;
}

function pushed(value: unknown): Record<string, unknown> {
  if (Array.isArray(value)) return { $each: value };
  if (typeof value !== "object" || value === null || !("each" in value)) return { $each: [value] };
  return Object.fromEntries(Object.entries(value).map(([name, operand]) => [`$${name}`, operand]));
}

/** Conditions for `where`, changes for `update`. */
export interface Command {
  eq(value: unknown): Condition;
  neq(value: unknown): Condition;
  gt(value: unknown): Condition;
  gte(value: unknown): Condition;
  lt(value: unknown): Condition;
  lte(value: unknown): Condition;
  in(list: unknown[]): Condition;
  nin(list: unknown[]): Condition;
  exists(there: boolean): Condition;
  size(length: number): Condition;
  all(list: unknown[]): Condition;
  mod(divisor: number, remainder: number): Condition;
  elemMatch(element: object): Condition;
  /** Of one field, or of objects of conditions: `_.or({ a: 1 }, { b: 2 })`; also of one list. */
  and(...parts: unknown[]): Condition;
  or(...parts: unknown[]): Condition;
  nor(...parts: unknown[]): Condition;
  not(other: unknown): Condition;

  /** Puts the object itself in the field, in place of what is there. */
  set(value: unknown): Assignment;
  remove(): Assignment;
  inc(by: number | bigint): Assignment;
  mul(by: number | bigint): Assignment;
  min(value: unknown): Assignment;
  max(value: unknown): Assignment;
  rename(name: string): Assignment;
  /** The time of the server. */
  currentDate(): Assignment;
  /** An element, several in an array, or `{ each, position, sort, slice }`. */
  push(value: unknown | Pushed): Assignment;
  unshift(value: unknown): Assignment;
  pop(): Assignment;
  shift(): Assignment;
  /** An element that is not there yet; several with `{ $each: [ … ] }`. */
  addToSet(value: unknown): Assignment;
  /** The elements that are equal, or that a condition is about. */
  pull(value: unknown): Assignment;
  pullAll(list: unknown[]): Assignment;
}

/** The words that are MongoDB's with a `$` before them. */
const CONDITIONS = "eq gt gte lt lte in nin exists size all";
const LOGIC = "and or nor";
const CHANGES = "set inc mul min max rename addToSet pull pullAll";

const words = <Made>(names: string, make: (operator: string, given: unknown[]) => Made) =>
  names.split(" ").map((name) => [name, (...given: unknown[]) => make(`$${name}`, given)] as const);

export const command: Command = {
  ...(Object.fromEntries<unknown>([
    ...words(CONDITIONS, (operator, [value]) => new Condition(operator, value)),
    ...words(LOGIC, (operator, parts) => new Logic(operator, partsOf(parts))),
    ...words(CHANGES, (operator, [value]) => new Assignment(operator, value)),
  ]) as unknown as Command),
  neq: (value) => new Condition("$ne", value),
  mod: (...numbers) => new Condition("$mod", numbers),
  elemMatch: (element) => new Condition("$elemMatch", element instanceof Condition ? element : filterOf(element)),
  not: (other) => new Logic("$nor", [other]),
  remove: () => new Assignment("$unset", ""),
  currentDate: () => new Assignment("$currentDate", true),
  push: (value) => new Assignment("$push", pushed(value)),
  unshift: (value) => new Assignment("$push", { ...pushed(value), $position: 0 }),
  pop: () => new Assignment("$pop", 1),
  shift: () => new Assignment("$pop", -1),
};
