// What a search or a pipeline gives: asked when it is read.

/** Documents that the host hands out at once, and how many are asked for where they are read one by one. */
const MOST = 1000;
const SOME = 100;

const late = (name) => new TypeError(`The cursor has been read: ${name} comes before.`);

const passedOver = (count) =>
  new TypeError(`The next page would pass over ${count} documents that have come and were not read: limit() the cursor, and read it to its end.`);

/** A cursor of `find`: first how, then `toArray()`, `next()` or `for await`. */
export class FindCursor {
  static name = "FindCursor";
  #page;
  #options;
  /** Documents that are here, and the place among them. */
  #documents = [];
  #at = 0;
  #left;
  #ended = false;
  #begun = false;

  constructor(page, { limit, ...options }) {
    this.#page = page;
    this.#options = options;
    this.#left = limit || Infinity;
  }

  #set(name, value) {
    if (this.#begun) throw late(name);
    this.#options[name] = value;
    if (value === undefined) delete this.#options[name];
    return this;
  }

  /** `sort({ age: -1 })`, `sort("age", -1)`, or pairs in an array. */
  sort(sort, direction = 1) {
    return this.#set("sort", typeof sort === "string" ? { [sort]: direction } : sort);
  }

  skip(count) {
    return this.#set("skip", count);
  }

  /** At most that many documents; 0 is no limit, as with MongoDB. */
  limit(count) {
    if (this.#begun) throw late("limit");
    this.#left = count || Infinity;
    return this;
  }

  /** The fields that documents come with, or without. */
  project(fields) {
    return this.#set("fields", fields);
  }

  fields(fields) {
    return this.project(fields);
  }

  /** Goes on where another cursor of the same filter and sort has ended. */
  after(cursor) {
    return this.#set("cursor", cursor ?? undefined);
  }

  /** Where the next page begins, when there is more than was asked for: for `after`. It is behind all that was fetched. */
  get cursor() {
    const unread = this.#documents.length - this.#at;
    if (unread > 0) throw passedOver(unread);
    return this.#options.cursor;
  }

  /** Asks for the next documents; false when there are none. */
  #more(most) {
    this.#begun = true;
    if (this.#ended || this.#left <= 0) return false;
    const { documents, cursor } = this.#page({ ...this.#options, limit: Math.min(this.#left, most) });
    // What was skipped is behind the cursor.
    delete this.#options.skip;
    this.#options.cursor = cursor;
    this.#ended = cursor === undefined;
    this.#left -= documents.length;
    this.#documents = documents;
    this.#at = 0;
    return documents.length > 0;
  }

  /** The next document, or null. */
  async next() {
    if (this.#at === this.#documents.length && !this.#more(SOME)) return null;
    return this.#documents[this.#at++];
  }

  async hasNext() {
    return this.#at < this.#documents.length || this.#more(SOME);
  }

  /** All that are left. */
  async toArray() {
    const all = this.#documents.slice(this.#at);
    this.#at = this.#documents.length;
    while (this.#more(MOST)) all.push(...this.#documents);
    this.#documents = [];
    this.#at = 0;
    return all;
  }

  async forEach(act) {
    for await (const document of this) await act(document);
  }

  async *[Symbol.asyncIterator]() {
    for (let document = await this.next(); document !== null; document = await this.next()) yield document;
  }
}

/** What a pipeline comes to. It is run when it is read, and each time. */
export class AggregationCursor {
  static name = "AggregationCursor";
  #run;

  constructor(run) {
    this.#run = run;
  }

  async toArray() {
    return this.#run();
  }

  async *[Symbol.asyncIterator]() {
    yield* this.#run();
  }
}
