// Collections of documents, in the words of MongoDB's driver, and transactions over them, keys and queues.

import { Collection as HostCollection } from "ostro:db/documents@0.1.0";

import { Collection } from "./collection.js";
import { DatabaseError, transaction } from "./transaction.js";
import { kinds } from "./own.js";

const open = (name) => HostCollection.open(name);

/** A collection outside of transactions, as a binding is one. */
class StoredCollection extends Collection {
  static name = "Collection";

  constructor(name) {
    super(name, open);
  }
}

kinds.collection = StoredCollection;

/** The documents of the project: `import { db } from "ostro"`. */
export const db = {
  /** The collection of that name. */
  collection: (name) => new StoredCollection(String(name)),
  transaction,
};

export { DatabaseError };
