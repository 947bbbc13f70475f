// A collection of documents, in the words of MongoDB's driver, and where the chain of CloudBase begins.

import { DocumentReference, Query } from "./chain.ts";
import { AggregationCursor, FindCursor, type FindOptions, type Page, type PageOptions } from "./cursor.ts";
import { asked, stored } from "./extended-json.ts";
import type { CallOptions } from "./http.ts";
import type { ChangeListener, Realtime, Watch } from "./realtime.ts";
import type { Document, Filter, New, Projection, Sort, Stored, Update } from "./types.ts";

/** An operation of the client API on a collection, by its name in the path. */
export type Operation =
  | "find" | "get" | "count" | "distinct" | "aggregate"
  | "insert" | "update" | "replace" | "delete" | "find-and-modify";

/** Has an operation done, at once or with others. */
export type Run = <Answer>(collection: string, operation: Operation, body: object, options?: CallOptions) => Promise<Answer>;

export interface ModifyOptions extends CallOptions {
  sort?: Sort;
  fields?: Projection;
  projection?: Projection;
  upsert?: boolean;
  /** `before` unless given. */
  returnDocument?: "before" | "after";
}

/** What a change has come to, in the driver's words. */
export interface UpdateResult {
  matchedCount: number;
  modifiedCount: number;
  upsertedCount: number;
  upsertedId: string | null;
}

/** Names of the driver's that the server has others for. */
const NAMES: Record<string, string> = { projection: "fields", returnDocument: "returning" };

/** The options as the server reads them. It refuses those that it does not know. */
function optionsOf(options: object = {}): Record<string, unknown> {
  const known = Object.entries(options).filter(([name, value]) => name !== "signal" && value != null);
  return Object.fromEntries(known.map(([name, value]) => [NAMES[name] ?? name, asked(value, name)]));
}

/** What has to be an object: the server would take an array for several documents, and no filter for one for everything. */
function object(what: string, value: unknown, encoded: (value: unknown, path: string) => unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new TypeError(`The ${what} is no object.`);
  return encoded(value, "");
}

const documentOf = (value: unknown) => object("document", value, stored);
const filterOf = (value: unknown) => object("filter", value, asked);

/** Operators whose values are stored. Those of others say what to do: `$pull` has a filter. */
const STORES = ["$set", "$setOnInsert", "$push", "$addToSet"];

function updateOf(update: object): object {
  const operators = Object.entries(update);
  if (operators.some(([name]) => !name.startsWith("$"))) throw new TypeError("An update has operators, such as $set.");
  return Object.fromEntries(operators.map(([name, value]) => [name, STORES.includes(name) ? stored(value) : asked(value, name)]));
}

interface Changed {
  matched: number;
  modified: number;
  upserted?: string | null;
}

/** Documents of one kind. */
export class Collection<Doc extends object = Document> {
  readonly name: string;
  readonly #run: Run;
  readonly #realtime: Realtime;

  constructor(name: string, run: Run, realtime: Realtime) {
    this.name = name;
    this.#run = run;
    this.#realtime = realtime;
  }

  async #do<Answer>(operation: Operation, body: object, options?: CallOptions): Promise<Answer> {
    return this.#run<Answer>(this.name, operation, { ...optionsOf(options), ...body }, options);
  }

  /** Stores a document; `_id` is made where it has none. */
  async insertOne(document: New<Doc>, options?: CallOptions): Promise<{ insertedId: string }> {
    const { insertedIds } = await this.insertMany([document], options);
    return { insertedId: insertedIds[0] as string };
  }

  /** Stores documents, all or none. */
  async insertMany(documents: Iterable<New<Doc>>, options?: CallOptions): Promise<{ insertedIds: string[]; insertedCount: number }> {
    const body = { documents: Array.from(documents, documentOf) };
    const { ids } = await this.#do<{ ids: string[] }>("insert", body, options);
    return { insertedIds: ids, insertedCount: ids.length };
  }

  /** The document with that `_id`, or null. Without an id it is the chain's: the documents as `{ data }`. */
  get(id: string, options?: CallOptions & { fields?: Projection }): Promise<Stored<Doc> | null>;
  get(): Promise<{ data: Stored<Doc>[] }>;
  async get(...given: [id?: string, options?: CallOptions & { fields?: Projection }]): Promise<Stored<Doc> | null | { data: Stored<Doc>[] }> {
    if (given.length === 0) return this.#query().get();
    const [id, options] = given;
    return (await this.#do<{ document: Stored<Doc> | null }>("get", { id: asked(id, "_id") }, options)).document;
  }

  /** The first document that matches, or null. */
  async findOne(filter: Filter<Doc> = {} as Filter<Doc>, options?: Omit<FindOptions, "limit" | "cursor">): Promise<Stored<Doc> | null> {
    const { documents } = await this.#do<Page<Stored<Doc>>>("find", { filter: filterOf(filter), limit: 1 }, options);
    return documents[0] ?? null;
  }

  /** The documents that match, asked for page by page. */
  find(filter: Filter<Doc> = {} as Filter<Doc>, options?: FindOptions): FindCursor<Stored<Doc>> {
    const body = filterOf(filter);
    const page = (wanted: PageOptions) => this.#do<Page<Stored<Doc>>>("find", { filter: body, ...(asked(wanted) as object) }, { signal: options?.signal });
    return new FindCursor(page, optionsOf(options));
  }

  async countDocuments(filter: Filter<Doc> = {} as Filter<Doc>, options?: CallOptions & { limit?: number }): Promise<number> {
    return (await this.#do<{ count: number }>("count", { filter: filterOf(filter) }, options)).count;
  }

  /** The different values of a field among the documents that match. */
  distinct<Name extends keyof Doc & string>(field: Name, filter?: Filter<Doc>, options?: CallOptions): Promise<Doc[Name][]>;
  distinct<Value = unknown>(field: string, filter?: Filter<Doc>, options?: CallOptions): Promise<Value[]>;
  async distinct(field: string, filter: Filter<Doc> = {} as Filter<Doc>, options?: CallOptions): Promise<unknown[]> {
    const body = { field: String(field), filter: filterOf(filter) };
    return (await this.#do<{ values: unknown[] }>("distinct", body, options)).values;
  }

  /** What the stages of a pipeline make of the collection. */
  aggregate<Result = Document>(pipeline: Document[], options?: CallOptions): AggregationCursor<Result> {
    const body = { pipeline: asked(pipeline) };
    return new AggregationCursor(async () => (await this.#do<{ documents: Result[] }>("aggregate", body, options)).documents);
  }

  async updateOne(filter: Filter<Doc>, update: Update<Doc>, options?: CallOptions & { upsert?: boolean; sort?: Sort }): Promise<UpdateResult> {
    return this.#change("update", filter, { update: updateOf(update) }, options);
  }

  async updateMany(filter: Filter<Doc>, update: Update<Doc>, options?: CallOptions & { upsert?: boolean }): Promise<UpdateResult> {
    return this.#change("update", filter, { update: updateOf(update), many: true }, options);
  }

  /** Puts a document in the place of the first one that matches; the `_id` stays. */
  async replaceOne(filter: Filter<Doc>, document: Doc, options?: CallOptions & { upsert?: boolean; sort?: Sort }): Promise<UpdateResult> {
    return this.#change("replace", filter, { document: documentOf(document) }, options);
  }

  async #change(operation: Operation, filter: Filter<Doc>, change: object, options?: CallOptions): Promise<UpdateResult> {
    const { matched, modified, upserted = null } = await this.#do<Changed>(operation, { filter: filterOf(filter), ...change }, options);
    return { matchedCount: matched, modifiedCount: modified, upsertedCount: upserted === null ? 0 : 1, upsertedId: upserted };
  }

  async deleteOne(filter: Filter<Doc>, options?: CallOptions & { sort?: Sort }): Promise<{ deletedCount: number }> {
    return this.#delete(filter, {}, options);
  }

  async deleteMany(filter: Filter<Doc>, options?: CallOptions): Promise<{ deletedCount: number }> {
    return this.#delete(filter, { many: true }, options);
  }

  async #delete(filter: Filter<Doc>, which: object, options?: CallOptions): Promise<{ deletedCount: number }> {
    const { deleted } = await this.#do<{ deleted: number }>("delete", { filter: filterOf(filter), ...which }, options);
    return { deletedCount: deleted };
  }

  async findOneAndUpdate(filter: Filter<Doc>, update: Update<Doc>, options?: ModifyOptions): Promise<Stored<Doc> | null> {
    return this.#modify(filter, { update: updateOf(update) }, options);
  }

  async findOneAndReplace(filter: Filter<Doc>, document: Doc, options?: ModifyOptions): Promise<Stored<Doc> | null> {
    return this.#modify(filter, { document: documentOf(document) }, options);
  }

  async findOneAndDelete(filter: Filter<Doc>, options?: Omit<ModifyOptions, "upsert" | "returnDocument">): Promise<Stored<Doc> | null> {
    return this.#modify(filter, { delete: true }, options);
  }

  async #modify(filter: Filter<Doc>, change: object, options?: ModifyOptions): Promise<Stored<Doc> | null> {
    const body = { filter: filterOf(filter), ...change };
    const told: ModifyOptions = { returnDocument: "before", ...options };
    return (await this.#do<{ document: Stored<Doc> | null }>("find-and-modify", body, told)).document;
  }

  /**
   * Calls `onChange` with each change of the documents that match; `onReset` first of all, and where changes may have been missed:
   * then what is there has to be read. The chain's `watch` does that by itself.
   */
  watch(filter: Filter<Doc>, listener: ChangeListener<Stored<Doc>>, options?: CallOptions): Watch {
    return this.#realtime.watch({ collection: this.name, filter: filterOf(filter) }, listener, options);
  }

  #query(): Query<Doc> {
    return new Query<Doc>(this, {});
  }

  /** The chain: `where({ age: _.gt(18) }).orderBy("age", "desc").limit(10).get()`. */
  where(conditions: object): Query<Doc> {
    return this.#query().where(conditions);
  }

  orderBy(field: string, direction?: "asc" | "desc"): Query<Doc> {
    return this.#query().orderBy(field, direction);
  }

  skip(count: number): Query<Doc> {
    return this.#query().skip(count);
  }

  limit(count: number): Query<Doc> {
    return this.#query().limit(count);
  }

  field(fields: Projection): Query<Doc> {
    return this.#query().field(fields);
  }

  count(options?: CallOptions): Promise<{ total: number }> {
    return this.#query().count(options);
  }

  /** The document with that `_id`, there or not. */
  doc(id: string): DocumentReference<Doc> {
    return new DocumentReference<Doc>(this, id);
  }

  /** Stores a document. */
  async add(document: New<Doc>, options?: CallOptions): Promise<{ id: string }> {
    return { id: (await this.insertOne(document, options)).insertedId };
  }
}
