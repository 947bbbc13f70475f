// What a search or a pipeline gives: asked when it is read.

import type { CallOptions } from "./http.ts";
import type { Projection, Sort } from "./types.ts";

/** How a search goes, beside its filter. */
export interface FindOptions extends CallOptions {
  sort?: Sort;
  skip?: number;
  limit?: number;
  /** The same: the fields to come with, or without. */
  fields?: Projection;
  projection?: Projection;
  cursor?: string | null;
}

/** What a page is asked by. */
export type PageOptions = Omit<FindOptions, "projection" | "signal">;

/** A page of documents, and where the next one begins. */
export interface Page<Doc> {
  documents: Doc[];
  cursor?: string | null;
}

/** Documents that the server hands out at once, and how many are asked for where they are read one by one. */
const MOST = 1000;
const SOME = 100;

/** A cursor of `find`: first how, then `toArray()`, `next()` or `for await`. */
export class FindCursor<Doc> implements AsyncIterable<Doc> {
  readonly #page: (options: PageOptions) => Promise<Page<Doc>>;
  readonly #options: PageOptions;
  /** Documents that have come and were not read. */
  #documents: Doc[] = [];
  #left: number;
  #isEnded = false;
  #isBegun = false;

  constructor(page: (options: PageOptions) => Promise<Page<Doc>>, { limit, ...options }: PageOptions) {
    this.#page = page;
    this.#options = options;
    this.#left = limit || Infinity;
  }

  #set(options: PageOptions): this {
    if (this.#isBegun) throw new TypeError("The cursor is being read.");
    Object.assign(this.#options, options);
    return this;
  }

  /** `sort({ age: -1 })`, `sort("age", -1)`, or pairs in an array. */
  sort(sort: Sort | string, direction: 1 | -1 = 1): this {
    return this.#set({ sort: typeof sort === "string" ? { [sort]: direction } : sort });
  }

  skip(count: number): this {
    return this.#set({ skip: count });
  }

  /** At most that many documents; 0 is no limit, as with MongoDB. */
  limit(count: number): this {
    this.#left = count || Infinity;
    return this.#set({});
  }

  /** The fields that documents come with, or without. */
  project(fields: Projection): this {
    return this.#set({ fields });
  }

  fields(fields: Projection): this {
    return this.#set({ fields });
  }

  /** Goes on where another cursor of the same filter and sort has ended. */
  after(cursor: string | null | undefined): this {
    return this.#set({ cursor: cursor ?? null });
  }

  /** Where the next page begins, when there is more than was asked for: for `after`. It is behind all that was fetched. */
  get cursor(): string | undefined {
    const unread = this.#documents.length;
    if (unread > 0) throw new TypeError(`${unread} documents are not read yet.`);
    return this.#options.cursor ?? undefined;
  }

  /** Whether there are documents, asked for if need be. */
  async #more(most: number): Promise<boolean> {
    this.#isBegun = true;
    if (this.#documents.length > 0) return true;
    if (this.#isEnded || this.#left <= 0) return false;
    const { documents, cursor = null } = await this.#page({ ...this.#options, limit: Math.min(this.#left, most) });
    this.#options.cursor = cursor;
    // What was skipped is behind the cursor.
    delete this.#options.skip;
    this.#isEnded = cursor === null;
    this.#left -= documents.length;
    this.#documents = documents;
    return documents.length > 0;
  }

  /** The next document, or null. One call after the other. */
  async next(): Promise<Doc | null> {
    return (await this.#more(SOME)) ? (this.#documents.shift() ?? null) : null;
  }

  async hasNext(): Promise<boolean> {
    return this.#more(SOME);
  }

  /** All that are left. */
  async toArray(): Promise<Doc[]> {
    const all: Doc[] = [];
    while (await this.#more(MOST)) all.push(...this.#documents.splice(0));
    return all;
  }

  async forEach(act: (document: Doc) => unknown): Promise<void> {
    for await (const document of this) await act(document);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Doc, void> {
    while (await this.#more(SOME)) yield this.#documents.shift() as Doc;
  }
}

/** What a pipeline comes to. It is run when it is read, and each time. */
export class AggregationCursor<Result> implements AsyncIterable<Result> {
  readonly #run: () => Promise<Result[]>;

  constructor(run: () => Promise<Result[]>) {
    this.#run = run;
  }

  toArray(): Promise<Result[]> {
    return this.#run();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Result, void> {
    yield* await this.#run();
  }
}
