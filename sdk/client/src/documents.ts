// The documents of a project: its collections, and several operations in one request.

import { Collection, type Operation, type Run } from "./collection.ts";
import { command } from "./command.ts";
import { decode } from "./extended-json.ts";
import { type CallOptions, ask, pathOf } from "./http.ts";
import { problem } from "./problem.ts";
import type { Realtime } from "./realtime.ts";
import type { Session } from "./session.ts";
import type { AnySchema, SchemaLike } from "./types.ts";

/** What only reads may be sent again. */
const READS: readonly Operation[] = ["find", "get", "count", "distinct", "aggregate"];

/** Where collections come from. */
export interface Collections<Schema extends SchemaLike<Schema> = AnySchema> {
  collection<Name extends keyof Schema & string>(name: Name): Collection<Schema[Name]>;
}

/** `client.db`. */
export class Documents<Schema extends SchemaLike<Schema> = AnySchema> implements Collections<Schema> {
  /** `_` of the chain: `const { command: _ } = client.db`. */
  readonly command = command;
  readonly #session: Session;
  readonly #realtime: Realtime;

  constructor(session: Session, realtime: Realtime) {
    this.#session = session;
    this.#realtime = realtime;
  }

  /** The collection of that name. */
  collection<Name extends keyof Schema & string>(name: Name): Collection<Schema[Name]> {
    return new Collection<Schema[Name]>(name, this.#run, this.#realtime);
  }

  readonly #run: Run = <Answer>(collection: string, operation: Operation, body: object, options?: CallOptions) =>
    ask<Answer>(this.#session, `db/${pathOf(collection, operation)}`, body, { ...options, idempotent: READS.includes(operation) }, decode);

  /**
   * Sends what is called on the collections that it is given in one request. The operations are done one after the other, and each
   * for itself: the result says of each whether it was done. 50 at most; a search has one page, so it should have a `limit`.
   *
   * `const [ann, count] = await db.batch((db) => [db.collection("users").get("ann"), db.collection("users").countDocuments()]);`
   */
  async batch<const Promises extends readonly Promise<unknown>[]>(
    act: (db: Collections<Schema>) => Promises,
    options: CallOptions = {},
  ): Promise<{ -readonly [At in keyof Promises]: PromiseSettledResult<Awaited<Promises[At]>> }> {
    const waiting: Waiting[] = [];
    const run: Run = <Answer>(collection: string, operation: Operation, body: object) =>
      new Promise<Answer>((resolve, reject) => {
        waiting.push({ operation: { collection, operation, body }, resolve: resolve as Waiting["resolve"], reject });
      });
    const db = { collection: (name: string) => new Collection(name, run, this.#realtime) } as unknown as Collections<Schema>;
    const settled = Promise.allSettled(act(db));
    // What is called later would wait for ever: now it throws.
    Object.freeze(waiting);
    const operations = waiting.map(({ operation }) => operation);
    const idempotent = operations.every(({ operation }) => READS.includes(operation));
    try {
      const { results } = await ask<BatchAnswer>(this.#session, "batch", { operations }, { ...options, idempotent }, decode);
      waiting.forEach(({ resolve, reject }, at) => {
        const { status, body } = results[at] ?? { status: 0, body: null };
        if (status >= 200 && status < 300) resolve(body);
        else reject(problem(status, body));
      });
    } catch (error) {
      for (const { reject } of waiting) reject(error);
      throw error;
    }
    return (await settled) as { -readonly [At in keyof Promises]: PromiseSettledResult<Awaited<Promises[At]>> };
  }
}

/** An operation of a batch, and who waits for it. */
interface Waiting {
  operation: { collection: string; operation: Operation; body: object };
  resolve(answer: unknown): void;
  reject(reason: unknown): void;
}

interface BatchAnswer {
  results: { status: number; body: unknown }[];
}
