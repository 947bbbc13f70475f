// The chain that CloudBase has: `where(…).orderBy(…).limit(…).get()`, and `doc(id)`.

import type { Collection } from "./collection.ts";
import { filterOf, updateOf } from "./conditions.ts";
import type { CallOptions } from "./http.ts";
import { type LiveListener, live } from "./live.ts";
import type { Watch } from "./realtime.ts";
import type { Filter, New, Projection, Stored, Update } from "./types.ts";

/** What a chain has said so far. */
export interface Said {
  filter?: Record<string, unknown>;
  sort?: [string, 1 | -1][];
  skip?: number;
  limit?: number;
  fields?: Projection;
}

/** Documents that a page has when nobody has said how many. */
const PAGE = 100;

/** Which documents, in which order. Every word gives another one, so that a beginning can be shared. */
export class Query<Doc extends object> {
  readonly #collection: Collection<Doc>;
  readonly #said: Said;

  constructor(collection: Collection<Doc>, said: Said) {
    this.#collection = collection;
    this.#said = said;
  }

  #with(more: Said): Query<Doc> {
    return new Query(this.#collection, { ...this.#said, ...more });
  }

  get #filter(): Filter<Doc> {
    return (this.#said.filter ?? {}) as Filter<Doc>;
  }

  /** Fields and what is asked of them, or a condition over several. A second one narrows the first. */
  where(conditions: object): Query<Doc> {
    const filter = filterOf(conditions);
    const before = this.#said.filter;
    return this.#with({ filter: before === undefined ? filter : { $and: [before, filter] } });
  }

  /** The most important field first. */
  orderBy(field: string, direction: "asc" | "desc" = "asc"): Query<Doc> {
    return this.#with({ sort: [...(this.#said.sort ?? []), [field, direction === "desc" ? -1 : 1]] });
  }

  skip(count: number): Query<Doc> {
    return this.#with({ skip: count });
  }

  /** At most so many documents: 100 unless said. */
  limit(count: number): Query<Doc> {
    return this.#with({ limit: count });
  }

  /** The fields to come with (`true`), or all but those that are `false`. */
  field(fields: Projection): Query<Doc> {
    return this.#with({ fields });
  }

  async get({ signal }: CallOptions = {}): Promise<{ data: Stored<Doc>[] }> {
    const { filter: _, ...options } = this.#said;
    return { data: await this.#collection.find(this.#filter, { limit: PAGE, ...options, signal }).toArray() };
  }

  async count(options?: CallOptions): Promise<{ total: number }> {
    return { total: await this.#collection.countDocuments(this.#filter, options) };
  }

  /** Changes all documents that match: sets fields, or does what `_` says. */
  async update(changes: object, options?: CallOptions): Promise<{ updated: number; matched: number }> {
    this.#all("update");
    const { matchedCount, modifiedCount } = await this.#collection.updateMany(this.#filter, updateOf(changes) as Update<Doc>, options);
    return { updated: modifiedCount, matched: matchedCount };
  }

  /** Deletes all documents that match. */
  async remove(options?: CallOptions): Promise<{ deleted: number }> {
    this.#all("remove");
    return { deleted: (await this.#collection.deleteMany(this.#filter, options)).deletedCount };
  }

  /** Calls with the documents, and again with each change of them, until it is closed. */
  watch(listener: LiveListener<Stored<Doc>>, options?: CallOptions): Watch {
    return live(this.#collection, this.#filter, { limit: PAGE, ...this.#said }, (call) => this.get(call), listener, options);
  }

  /** Writes have no order and no number: what was said of them would be forgotten. */
  #all(what: string): void {
    if (Object.keys(this.#said).join() !== "filter") throw new TypeError(`${what} comes after where() alone.`);
  }
}

/** One document by its `_id`, there or not. */
export class DocumentReference<Doc extends object> {
  readonly id: string;
  readonly #collection: Collection<Doc>;

  constructor(collection: Collection<Doc>, id: string) {
    this.#collection = collection;
    this.id = id;
  }

  get #filter(): Filter<Doc> {
    return { _id: this.id } as unknown as Filter<Doc>;
  }

  /** `data` is null when it is not there. */
  async get(options?: CallOptions): Promise<{ data: Stored<Doc> | null }> {
    return { data: await this.#collection.get(this.id, options) };
  }

  /** Puts a document in its place, there or not. */
  async set(document: New<Doc>, options?: CallOptions): Promise<{ updated: number; upsertedId: string | null }> {
    const { modifiedCount, upsertedId } = await this.#collection.replaceOne(this.#filter, document, { ...options, upsert: true });
    return { updated: modifiedCount, upsertedId };
  }

  /** Sets fields of it, or does what `_` says. */
  async update(changes: object, options?: CallOptions): Promise<{ updated: number; matched: number }> {
    const { matchedCount, modifiedCount } = await this.#collection.updateOne(this.#filter, updateOf(changes) as Update<Doc>, options);
    return { updated: modifiedCount, matched: matchedCount };
  }

  async remove(options?: CallOptions): Promise<{ deleted: number }> {
    return { deleted: (await this.#collection.deleteOne(this.#filter, options)).deletedCount };
  }

  watch(listener: LiveListener<Stored<Doc>>, options?: CallOptions): Watch {
    return new Query(this.#collection, { filter: this.#filter }).watch(listener, options);
  }
}
