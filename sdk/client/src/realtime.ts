// Changes as they happen: one stream for all that a page subscribes to, begun again whenever it breaks.

import { EventParser, type StreamEvent } from "./event-stream.ts";
import { asked, decode, stored } from "./extended-json.ts";
import { type CallOptions, JSON_TYPE, ask, pathOf } from "./http.ts";
import { tell } from "./listener.ts";
import { OstroError, hasStatus, problem } from "./problem.ts";
import type { Session } from "./session.ts";
import { type Backoff, pauseMs, sleep } from "./waiting.ts";

/** What has happened to the documents that a subscription is about. */
export type Change<Doc> = { type: "insert" | "update"; id: string; document: Doc } | { type: "delete"; id: string };

interface Listener {
  /** First of all, and where something may have been missed: what is there has to be read now, or again. */
  onReset?(): unknown;
  /** The subscription has ended: it was refused. Broken connections are none of it. */
  onError?(error: OstroError): unknown;
}

export interface ChangeListener<Doc> extends Listener {
  onChange(change: Change<Doc>): unknown;
}

export interface MessageListener<Data> extends Listener {
  onMessage(data: Data): unknown;
}

/** What goes on until it is closed. */
export interface Watch {
  close(): void;
}

/** A subscription. */
interface Feed {
  /** What the server is told. */
  what: object;
  /** It has been told when to read what is there. */
  isOpen?: boolean;
  listener: Partial<ChangeListener<unknown> & MessageListener<unknown>>;
}

/** What the data of an event may have. */
interface EventData {
  subscription?: string | number;
  document?: { _id: string };
  id?: string;
  data?: unknown;
  error?: unknown;
}

/** A stream that has held so long was a good one, milliseconds: the next pause is a short one again. */
const STEADY_MS = 10_000;

/** Subscriptions: `client.realtime`, and what `watch` of collections uses. */
export class Realtime {
  readonly #session: Session;
  readonly #backoff: Backoff;
  readonly #silenceMs: number;
  readonly #feeds = new Map<string, Feed>();
  #count = 0;
  #connection: AbortController | undefined;
  #isPlanned = false;
  /** In whose name the stream is, and what of it has come. */
  #user: string | undefined;
  #lastId: string | undefined;

  /** A stream that says nothing for `silenceMs` is taken for broken. */
  constructor(session: Session, backoff: Backoff, silenceMs: number) {
    this.#session = session;
    this.#backoff = backoff;
    this.#silenceMs = silenceMs;
    session.onChange((user) => {
      if (this.#connection === undefined || user?.id === this.#user) return;
      // Somebody else may see other things.
      this.#connection.abort();
      this.#lastId = undefined;
      this.#plan();
    });
  }

  /** The changes of documents that a filter in MongoDB's words is about. */
  watch<Doc>(what: { collection: string; filter: unknown }, listener: ChangeListener<Doc>, options?: CallOptions): Watch {
    return this.#subscribe(what, listener as ChangeListener<unknown>, options);
  }

  /** The messages of a channel. */
  channel<Data = unknown>(channel: string, listener: MessageListener<Data>, options?: CallOptions): Watch {
    return this.#subscribe({ channel }, listener as MessageListener<unknown>, options);
  }

  /** Sends a message to all who listen to a channel now. It is sent once: nobody is told whether somebody has heard it. */
  send(channel: string, data: unknown, options?: CallOptions): Promise<void> {
    return ask(this.#session, `channels/${pathOf(...channel.split("/"))}`, stored(data), options);
  }

  #subscribe(what: object, listener: Feed["listener"], { signal }: CallOptions = {}): Watch {
    const id = String((this.#count += 1));
    this.#feeds.set(id, { what: { id, ...(asked(what) as object) }, listener });
    this.#plan();
    const close = () => {
      signal?.removeEventListener("abort", close);
      if (this.#feeds.delete(id)) this.#plan();
    };
    signal?.addEventListener("abort", close);
    if (signal?.aborted) close();
    return { close };
  }

  /** Begins the stream anew with what is subscribed to: once for all that a page subscribes to at once. */
  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    setTimeout(() => {
      this.#isPlanned = false;
      this.#connection?.abort();
      this.#connection = this.#feeds.size === 0 ? undefined : new AbortController();
      if (this.#connection === undefined) this.#lastId = undefined;
      else void this.#keepOpen(this.#connection.signal);
    });
  }

  async #keepOpen(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures += 1) {
      const begun = Date.now();
      let waitMs: number | undefined;
      try {
        waitMs = await this.#stream(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isFinal(error)) return this.#fail(error);
        waitMs = (error as Partial<OstroError>).retryAfterMs;
      }
      if (Date.now() - begun > STEADY_MS) failures = 0;
      await sleep(waitMs ?? pauseMs(this.#backoff, failures), signal).catch(() => {});
    }
  }

  /** Reads one stream to its end. Gives the pause that the server has asked for. */
  async #stream(outer: AbortSignal): Promise<number | undefined> {
    const silence = new AbortController();
    let timeout: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      clearTimeout(timeout);
      timeout = setTimeout(() => silence.abort(new OstroError("network", "the stream is silent")), this.#silenceMs);
    };
    heard();
    await this.#session.ready;
    this.#user = this.#session.user?.id;
    const feeds = [...this.#feeds.values()];
    const headers: Record<string, string> = { ...JSON_TYPE, accept: "text/event-stream" };
    if (this.#lastId !== undefined) headers["last-event-id"] = this.#lastId;
    const call = {
      path: "realtime",
      body: JSON.stringify({ subscriptions: feeds.map(({ what }) => what) }),
      headers,
      signal: AbortSignal.any([outer, silence.signal]),
    };
    try {
      return await this.#session.send(call, (response) => this.#read(response, feeds, heard, outer));
    } finally {
      clearTimeout(timeout);
    }
  }

  async #read(response: Response, feeds: Feed[], heard: () => void, signal: AbortSignal): Promise<number | undefined> {
    for (const feed of feeds) {
      // Without an id the server cannot tell what was missed.
      if (feed.isOpen && this.#lastId !== undefined) continue;
      feed.isOpen = true;
      tell(feed.listener.onReset);
    }
    const [parser, text] = [new EventParser(this.#lastId), new TextDecoder()];
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return parser.retryMs;
      heard();
      for (const event of parser.push(text.decode(value, { stream: true }))) {
        this.#dispatch(event);
        this.#lastId = event.id;
      }
    }
  }

  #dispatch({ event, data }: StreamEvent): void {
    if (data === null) return;
    const { subscription, document, id = document?._id, data: message, error } = Object(decode(data)) as EventData;
    const name = String(subscription);
    const feed = this.#feeds.get(name);
    if (event === "reset") for (const { listener } of feed ? [feed] : this.#feeds.values()) tell(listener.onReset);
    else if (event === "message") tell(feed?.listener.onMessage, message);
    else if (event !== "error") tell(feed?.listener.onChange, { type: event, id, document } as Change<unknown>);
    else if (this.#feeds.delete(name)) tell(feed?.listener.onError, problem(0, error));
  }

  #fail(error: OstroError): void {
    this.#connection = this.#lastId = undefined;
    const feeds = [...this.#feeds.values()];
    this.#feeds.clear();
    for (const { listener } of feeds) tell(listener.onError, error);
  }
}

/** A refusal; another attempt would be refused as well. */
const isFinal = (error: unknown): error is OstroError =>
  error instanceof OstroError && error.status >= 400 && error.status < 500 && !hasStatus(error, 408, 429);
