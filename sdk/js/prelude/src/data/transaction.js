// Transactions: what is read is as it was at the beginning, what is changed is there as a whole or not at all.

import { Transaction as HostTransaction } from "ostro:db/transactions@0.1.0";

import { Collection, DatabaseError } from "./collection.js";
import { failureOf } from "./failure.js";
import { bytesFor, drop, messageOf, reader, requireLive, textOf } from "./own.js";

const WHAT = "transaction";
/** How often one is run again after a conflict. */
const RETRIES = 5;
/** How long is waited before it is, milliseconds at most, doubled each time: those who are in each other's way should part. */
const PAUSE = 10;

/** What `transaction` hands to its function. */
class Transaction {
  static name = "Transaction";
  #handle;

  constructor(handle) {
    this.#handle = handle;
  }

  /** The host's handle. When it is over, what is called in it belongs nowhere. */
  #live() {
    if (this.#handle === null) throw new DatabaseError("transaction: it is over", "invalid");
    return this.#handle;
  }

  #call(act) {
    try {
      return act(this.#live());
    } catch (thrown) {
      throw failureOf(DatabaseError, WHAT, thrown);
    }
  }

  /** A collection, in this transaction. The rules of callers are not for it. */
  collection(name, options) {
    if (options !== undefined) throw new TypeError("transaction: a collection has no options in it, and is none of the caller's.");
    return new Collection(String(name), (opened) => this.#live().collection(opened));
  }

  /** A key-value namespace, in this transaction. */
  kv(name) {
    const namespace = String(name);
    return {
      get: async (key, options) => {
        const read = reader(options);
        return read(this.#call((handle) => handle.getValue(namespace, textOf("A key", key))));
      },
      put: async (key, value) => {
        const bytes = await bytesFor(value);
        this.#call((handle) => handle.setValue(namespace, textOf("A key", key), bytes));
      },
      delete: async (key) => this.#call((handle) => handle.deleteValue(namespace, textOf("A key", key))),
    };
  }

  /** A queue, to send to when the transaction is committed. */
  queue(name) {
    return {
      send: async (message, options) => {
        const { body, ...rest } = messageOf(message, options);
        const known = Object.entries(rest).filter(([, value]) => value !== null);
        this.#call((handle) => handle.send(String(name), body, JSON.stringify(Object.fromEntries(known))));
      },
    };
  }

  static commit(transaction) {
    transaction.#call((handle) => handle.commit());
  }

  static end(transaction) {
    drop(transaction.#handle);
    transaction.#handle = null;
  }
}

const { commit, end } = Transaction;
delete Transaction.commit;
delete Transaction.end;

function begin() {
  try {
    return new Transaction(HostTransaction.begin());
  } catch (thrown) {
    throw failureOf(DatabaseError, WHAT, thrown);
  }
}

/** Runs a function in a transaction and commits it: gives what the function gives. What the function throws undoes it. */
async function once(act) {
  const tx = begin();
  try {
    const result = await act(tx);
    commit(tx);
    return result;
  } finally {
    end(tx);
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The same, again from its beginning when somebody else has changed what it read: so it may be called several times. */
export async function transaction(act, { retries = RETRIES } = {}) {
  requireLive(WHAT);
  for (let retry = 0; ; retry += 1) {
    try {
      return await once(act);
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.code !== "conflict" || retry >= retries) throw error;
    }
    await pause(Math.random() * PAUSE * 2 ** retry);
  }
}

export { DatabaseError };
