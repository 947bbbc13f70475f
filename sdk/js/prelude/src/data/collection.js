// A collection of documents.

import { encode, encodeStrict, decode } from "./extended-json.js";
import { failureClass, optionsOf, withHandle } from "./failure.js";
import { AggregationCursor, FindCursor } from "./cursor.js";
import { textOf } from "./own.js";

/** Why the database did not do it: `code` is `denied`, `invalid`, `duplicate`, `too-large`, `full`, `timeout`, `conflict` or `unavailable`. */
export const DatabaseError = failureClass("DatabaseError");

const FIELDS = { fields: "fields", projection: "fields" };
const SORT = { sort: "sort" };
const CHANGE = { upsert: "upsert", ...SORT };
const MODIFY = { ...CHANGE, ...FIELDS, returnDocument: "return" };

/** The options as the host reads them. */
const text = (options) => (Object.keys(options).length === 0 ? "" : encodeStrict(options));

/** The JSON of what has to be an object. The host would take an array for several documents. */
function object(value, encoded, fault) {
  const json = typeof value === "object" ? encoded(value) : "";
  if (json?.startsWith("{")) return json;
  throw new TypeError(fault);
}

const documentOf = (value) => object(value, encode, "A document is an object.");

// One that is forgotten would change or delete what nobody meant.
const filterOf = (value) => object(value, (filter) => encodeStrict(filter), "A filter is an object: {} is one for everything.");

/** Operators whose values are stored. Those of others say what to do: `$pull` has a filter. */
const STORES = ["$set", "$setOnInsert", "$push", "$addToSet"];

function updateOf(update) {
  const operators = Object.entries(update ?? {});
  if (operators.length === 0 || !operators.every(([name]) => name.startsWith("$"))) {
    throw new TypeError("An update has operators, such as { $set: { … } }: replaceOne puts a document in the place of another.");
  }
  const parts = operators.map(([name, value]) => {
    const json = STORES.includes(name) && typeof value === "object" ? encode(value) : encodeStrict(value, name);
    return `${JSON.stringify(name)}:${json}`;
  });
  return `{${parts}}`;
}

/** Documents of one kind. `open` gives the host's handle for its name. */
export class Collection {
  #name;
  #open;

  constructor(name, open) {
    this.#name = name;
    this.#open = open;
  }

  get name() {
    return this.#name;
  }

  #with(act) {
    return withHandle(DatabaseError, `collection "${this.#name}"`, () => this.#open(this.#name), act);
  }

  /** Stores a document; `_id` is made where it has none. */
  async insertOne(document) {
    const json = documentOf(document);
    const [insertedId] = JSON.parse(this.#with((collection) => collection.insert(json)));
    return { insertedId };
  }

  /** Stores documents, all or none. */
  async insertMany(documents) {
    const json = `[${Array.from(documents, documentOf)}]`;
    const insertedIds = JSON.parse(this.#with((collection) => collection.insert(json)));
    return { insertedIds, insertedCount: insertedIds.length };
  }

  /** The document with that `_id`, or null. */
  async get(id) {
    const found = this.#with((collection) => collection.get(textOf("An _id", id)));
    return found === null || found === undefined ? null : decode(found);
  }

  /** The first document that matches, or null. */
  async findOne(filter = {}, options) {
    const known = optionsOf("findOne", options, { ...SORT, ...FIELDS, skip: "skip" });
    const { documents } = this.#page(filterOf(filter), { ...known, limit: 1 });
    return documents[0] ?? null;
  }

  /** The documents that match, asked for page by page. */
  find(filter = {}, options) {
    const known = optionsOf("find", options, { ...SORT, ...FIELDS, skip: "skip", limit: "limit", cursor: "cursor" });
    const json = filterOf(filter);
    return new FindCursor((wanted) => this.#page(json, wanted), known);
  }

  #page(filter, options) {
    return decode(this.#with((collection) => collection.find(filter, text(options))));
  }

  async countDocuments(filter = {}, options) {
    const known = text(optionsOf("countDocuments", options, { limit: "limit" }));
    const json = filterOf(filter);
    return Number(this.#with((collection) => collection.count(json, known)));
  }

  /** The different values of a field among the documents that match. */
  async distinct(field, filter = {}) {
    const [name, json] = [textOf("A field", field), filterOf(filter)];
    return decode(this.#with((collection) => collection.distinct(name, json)));
  }

  /** What the stages of a pipeline make of the collection. */
  aggregate(pipeline) {
    const json = encodeStrict(pipeline);
    return new AggregationCursor(() => decode(this.#with((collection) => collection.aggregate(json))));
  }

  async updateOne(filter, update, options) {
    return this.#update(filter, update, optionsOf("updateOne", options, CHANGE));
  }

  async updateMany(filter, update, options) {
    return this.#update(filter, update, { ...optionsOf("updateMany", options, { upsert: "upsert" }), many: true });
  }

  #update(filter, update, options) {
    const [json, change] = [filterOf(filter), updateOf(update)];
    return changed(this.#with((collection) => collection.update(json, change, text(options))));
  }

  /** Puts a document in the place of the first one that matches; the `_id` stays. */
  async replaceOne(filter, document, options) {
    const known = text(optionsOf("replaceOne", options, CHANGE));
    const [json, replacement] = [filterOf(filter), documentOf(document)];
    return changed(this.#with((collection) => collection.replace(json, replacement, known)));
  }

  async deleteOne(filter, options) {
    return this.#delete(filter, optionsOf("deleteOne", options, SORT));
  }

  async deleteMany(filter) {
    return this.#delete(filter, { many: true });
  }

  #delete(filter, options) {
    const json = filterOf(filter);
    return { deletedCount: Number(this.#with((collection) => collection.delete(json, text(options)))) };
  }

  async findOneAndUpdate(filter, update, options) {
    return this.#modify(filter, `{"update":${updateOf(update)}}`, optionsOf("findOneAndUpdate", options, MODIFY));
  }

  async findOneAndReplace(filter, document, options) {
    return this.#modify(filter, `{"replace":${documentOf(document)}}`, optionsOf("findOneAndReplace", options, MODIFY));
  }

  async findOneAndDelete(filter, options) {
    return this.#modify(filter, `{"delete":true}`, optionsOf("findOneAndDelete", options, { ...SORT, ...FIELDS }));
  }

  #modify(filter, change, options) {
    const json = filterOf(filter);
    const found = this.#with((collection) => collection.findAndModify(json, change, text(options)));
    return found === null || found === undefined ? null : decode(found);
  }
}

/** What a change has come to, in the driver's words. */
function changed(json) {
  const { matched, modified, upserted } = JSON.parse(json);
  const made = upserted !== undefined && upserted !== null;
  return { matchedCount: matched, modifiedCount: modified, upsertedCount: made ? 1 : 0, upsertedId: made ? upserted : null };
}
