// Collections of documents, in the words of MongoDB's driver, and transactions over them, keys and queues.

import { Collection as HostCollection } from "ostro:db/documents@0.1.0";

import { Collection } from "./collection.js";
import { isAsCaller } from "./failure.js";
import { DatabaseError, transaction } from "./transaction.js";
import { kinds } from "./own.js";

const open = (name) => HostCollection.open(name);
const openAsCaller = (name) => HostCollection.openAsCaller(name);

/** A collection outside of transactions, as a binding is one. */
class StoredCollection extends Collection {
  static name = "Collection";

  constructor(name, asCaller = false) {
    super(name, asCaller ? openAsCaller : open);
  }
}

kinds.collection = StoredCollection;

/** The documents of the project: `import { db } from "ostro"`. */
export const db = {
  /** The collection of that name; with `{ as: "caller" }` under its rules, as whoever calls. */
  collection: (name, options) => new StoredCollection(String(name), isAsCaller("A collection", options)),
  transaction,
};

export { DatabaseError };
