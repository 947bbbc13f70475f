// The documents of a query, kept as they are: read once, then changed by what is told. What cannot be known from that
// is read again.

import type { CallOptions } from "./http.ts";
import { tell } from "./listener.ts";
import type { Change, ChangeListener, Watch } from "./realtime.ts";

/** The documents of a query at one moment. */
export interface Snapshot<Doc> {
  /** `init` when they have been read, at the beginning or again; `change` when they follow from `changes`. */
  type: "init" | "change";
  docs: Doc[];
  changes: Change<Doc>[];
}

export interface LiveListener<Doc> {
  onChange(snapshot: Snapshot<Doc>): unknown;
  /** It has ended: it was refused. */
  onError?(error: unknown): unknown;
}

/** What a query says of its documents beside the filter. */
export interface Window {
  sort?: [string, 1 | -1][];
  skip?: number;
  limit: number;
  fields?: object;
}

interface Watched<Doc> {
  watch(filter: never, listener: ChangeListener<Doc>, options?: CallOptions): Watch;
}

type Found = { _id: string };
type Type = Change<never>["type"];

/** Calls with the documents of a query now and after each change. Changes that come together are told together. */
export function live<Doc extends Found>(
  collection: Watched<Doc>,
  filter: unknown,
  window: Window,
  read: (options: CallOptions) => Promise<{ data: Doc[] }>,
  listener: LiveListener<Doc>,
  { signal }: CallOptions = {},
): Watch {
  const ended = new AbortController();
  let list = new LiveList<Doc>([], window);
  /** While documents are read: what has come meanwhile. */
  let waiting: Change<Doc>[] | undefined;
  let told: Change<Doc>[] = [];
  let isStale = false;

  const show = (type: Snapshot<Doc>["type"]) => {
    if (!ended.signal.aborted) tell(listener.onChange, { type, docs: [...list.documents], changes: told });
    told = [];
  };
  const load = async (): Promise<void> => {
    isStale = true;
    if (waiting !== undefined) return;
    try {
      while (isStale) {
        isStale = false;
        waiting = [];
        list = new LiveList((await read({ signal: ended.signal })).data, window);
        for (const change of waiting) isStale ||= list.apply(change) === "stale";
      }
      told = [];
      show("init");
    } catch (error) {
      fail(error);
    }
    waiting = undefined;
  };
  const onChange = (change: Change<Doc>) => {
    if (waiting !== undefined) return void waiting.push(change);
    const effect = list.apply(change);
    if (effect === "stale") void load();
    if (effect === "changed" && told.push(change) === 1) setTimeout(() => told.length > 0 && show("change"));
  };
  const close = () => {
    signal?.removeEventListener("abort", close);
    ended.abort();
    watch.close();
  };
  const fail = (error: unknown) => {
    if (ended.signal.aborted) return;
    close();
    tell(listener.onError, error);
  };
  const watch = collection.watch(filter as never, { onChange, onReset: load, onError: fail });
  signal?.addEventListener("abort", close);
  if (signal?.aborted) close();
  return { close };
}

/** The documents of a window, in its order. */
export class LiveList<Doc extends Found> {
  readonly documents: Doc[];
  readonly #window: Window;
  /** There may be others behind the last one. */
  #isFull: boolean;

  constructor(documents: Doc[], window: Window) {
    this.documents = documents;
    this.#window = window;
    this.#isFull = documents.length >= window.limit;
  }

  /** What a change does to the list: `stale` where that cannot be known. */
  apply(change: { type: Type; id: string; document?: Doc }): "same" | "changed" | "stale" {
    // What was skipped, and what is to be left out of a document, only the server knows.
    if (this.#window.skip || this.#window.fields !== undefined) return "stale";
    const at = this.documents.findIndex(({ _id }) => _id === change.id);
    const [before] = at < 0 ? [] : this.documents.splice(at, 1);
    if (change.document === undefined) {
      if (before === undefined) return "same";
      return this.#isFull ? "stale" : "changed";
    }
    if (before === undefined || this.#order(change.document, before) !== 0) return this.#place(change.document, before, change.type);
    this.documents.splice(at, 0, change.document);
    return "changed";
  }

  #place(document: Doc, before: Doc | undefined, type: Type): "same" | "changed" | "stale" {
    const orders = this.documents.map((other) => this.#order(document, other));
    // Among equals the server goes by age, in the direction of the last field: known only of what is new.
    const isNewest = before === undefined && type === "insert";
    if (orders.some((order) => Number.isNaN(order) || (order === 0 && !isNewest))) return "stale";
    const newestFirst = this.#window.sort?.at(-1)?.[1] === -1;
    const next = orders.findIndex((order) => order < 0 || (order === 0 && newestFirst));
    // Others that are not known may come before it.
    if (this.#isFull && next < 0) return before === undefined ? "same" : "stale";
    this.documents.splice(next < 0 ? this.documents.length : next, 0, document);
    if (this.documents.length > this.#window.limit) {
      this.documents.pop();
      this.#isFull = true;
    }
    return "changed";
  }

  /** Below 0 when the first comes before the second, 0 for equals; NaN when only the server knows. */
  #order(first: Doc, second: Doc): number {
    for (const [path, direction] of this.#window.sort ?? []) {
      const order = compare(at(first, path), at(second, path));
      if (order !== 0) return order * direction;
    }
    return 0;
  }
}

const at = (document: object, path: string): unknown =>
  path.split(".").reduce<unknown>((value, name) => (value as Record<string, unknown> | null | undefined)?.[name], document);

/** By the server's order of types, as far as it goes without a question; NaN beyond. */
function compare(first: unknown, second: unknown): number {
  const [one, other] = [rank(first), rank(second)];
  if (one !== other || one === 1) return one - other;
  // Numbers, texts, booleans and dates among themselves. Texts go by UTF-16 here, by code points there: it differs for rare
  // characters, and in nothing but their place.
  const [a, b] = [first as number, second as number];
  return a < b ? -1 : a > b ? 1 : 0;
}

function rank(value: unknown): number {
  if (value === null || value === undefined) return 1;
  if (Number.isNaN(value)) return NaN;
  if (value instanceof Date) return 5;
  const ranks: Record<string, number> = { number: 2, bigint: 2, string: 3, boolean: 4 };
  return ranks[typeof value] ?? NaN;
}
