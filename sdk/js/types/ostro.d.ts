// The platform's own interfaces: `import { … } from "ostro"`, and the shapes of handlers.

declare module "ostro" {
  /** How one message of a queue is sent. */
  export interface SendOptions {
    /** `json` (default for objects), `text` (default for strings), `bytes` (default for buffers), or a media type. */
    contentType?: "json" | "text" | "bytes" | (string & {});
    /** Seconds before which it is not delivered, at most 7 days. */
    delaySeconds?: number;
    /** Messages of one key within a day are one: the first stands. */
    dedupeKey?: string;
    /** Messages of one key are delivered one at a time, in order. */
    orderKey?: string;
  }

  /** A queue to send to. The function needs the grant `queue:NAME:send`. */
  export interface Queue<Body = unknown> {
    readonly name: string;
    /** Sends a message and returns its id. */
    send(body: Body, options?: SendOptions): Promise<string>;
    /** Sends messages, all or none, and returns their ids in order. */
    sendBatch(messages: Iterable<{ body: Body } & SendOptions>, options?: SendOptions): Promise<string[]>;
  }

  /** The queue of that name. */
  export function queue<Body = unknown>(name: string): Queue<Body>;

  /** How a value is read. */
  export interface KVGetOptions<Type extends string = string> {
    type?: Type;
  }

  /** What `list` gives. */
  export interface KVList {
    keys: { name: string }[];
    list_complete: boolean;
    /** For the next page, when the list is not complete. */
    cursor?: string;
  }

  /**
   * A key-value namespace of the project, as Workers have it. The function needs the grant `kv:NAME`. Keys have 1 to 1,024
   * bytes, values 1 MiB at most. What was put is on the disk when its promise resolves.
   */
  export interface KVNamespace {
    readonly name: string;
    get(key: string, options?: "text" | KVGetOptions<"text">): Promise<string | null>;
    get<Value = unknown>(key: string, options: "json" | KVGetOptions<"json">): Promise<Value | null>;
    get(key: string, options: "arrayBuffer" | KVGetOptions<"arrayBuffer">): Promise<ArrayBuffer | null>;
    get(key: string, options: "stream" | KVGetOptions<"stream">): Promise<ReadableStream | null>;
    /** Several keys in one call, 1,000 at most. */
    get(keys: string[], options?: "text" | KVGetOptions<"text">): Promise<Map<string, string | null>>;
    get<Value = unknown>(keys: string[], options: "json" | KVGetOptions<"json">): Promise<Map<string, Value | null>>;
    /** As `get`; values have no metadata here. */
    getWithMetadata(key: string, options?: "text" | KVGetOptions<"text">): Promise<{ value: string | null; metadata: null }>;
    getWithMetadata<Value = unknown>(
      key: string,
      options: "json" | KVGetOptions<"json">,
    ): Promise<{ value: Value | null; metadata: null }>;
    put(key: string, value: string | ArrayBuffer | ArrayBufferView | ReadableStream): Promise<void>;
    delete(key: string | string[]): Promise<void>;
    list(options?: { prefix?: string; limit?: number; cursor?: string }): Promise<KVList>;
    /** Adds to the number under a key, 0 where there is none, and gives the sum. */
    increment(key: string, by?: number): Promise<number>;
    /** Sets what `change` makes of the value; called again when another write came in between. */
    update(key: string, change: (value: string | null) => string | Promise<string>): Promise<string>;
    update<Value = unknown>(
      key: string,
      change: (value: Value | null) => string | Promise<string>,
      options: "json" | KVGetOptions<"json">,
    ): Promise<string>;
  }

  /** The namespace of that name. */
  export function kv(name: string): KVNamespace;

  /** Secrets of the project that the function holds grants for. */
  export const secrets: {
    /** The value, or null when the project has no such secret. Throws without the grant `secret:NAME`. */
    get(name: string): string | null;
    names(): string[];
  };

  /** Environment variables, granted secrets and bindings, as handlers get them. */
  export const env: Record<string, unknown>;

  /** What a function may know of itself and its running invocation. */
  export interface About {
    readonly project: string;
    readonly function: string;
    readonly revision: number;
    /** Id of the invocation, as in logs and bills. */
    readonly invocation: string;
  }

  export const context: About & {
    /** When the time of the invocation is over. */
    readonly deadline: Date;
  };

  /** Keeps the instance until the promise has settled, after the response too; for the invocation that began last. */
  export function waitUntil(promise: Promise<unknown>): void;

  /** What handlers get besides the event. */
  export interface Context extends About {
    waitUntil(promise: Promise<unknown>): void;
    passThroughOnException(): void;
    props: Record<string, unknown>;
    /** Milliseconds that the invocation may still take. */
    getRemainingTimeInMillis(): number;
  }

  /** What `main` gets besides its event. */
  export interface MainContext<Env = Record<string, unknown>> extends Context {
    env: Env;
    request: Request;
  }

  /** A slot of a schedule. */
  export interface ScheduledEvent {
    readonly type: "scheduled";
    /** The expression, as the manifest has it. */
    readonly cron: string;
    /** The slot, milliseconds since 1970. */
    readonly scheduledTime: number;
    readonly timezone: string;
    /** Id of the job: the same in every attempt. */
    readonly job: string;
    /** Slots before this one that nobody ran. */
    readonly missed: number;
    /** 1 for the first start of this job. */
    readonly attempt: number;
    /** A failure of this slot shall be its last. */
    noRetry(): void;
  }

  /** A message of a queue. */
  export interface Message<Body = unknown> {
    readonly id: string;
    readonly timestamp: Date;
    /** By its media type: what JSON says, a string, or a Uint8Array. Throws when it is not JSON and should be. */
    readonly body: Body;
    readonly contentType: string;
    /** 1 for its first delivery. */
    readonly attempts: number;
    readonly orderKey?: string;
    /** This message is done, whatever becomes of the batch. */
    ack(): void;
    /** This message comes again. */
    retry(options?: { delaySeconds?: number }): void;
  }

  /** Messages of one queue. Those that nobody retries are done when the handler returns. */
  export interface MessageBatch<Body = unknown> {
    readonly queue: string;
    readonly messages: readonly Message<Body>[];
    ackAll(): void;
    retryAll(options?: { delaySeconds?: number }): void;
  }

  /** The default export of a function: `export default { … } satisfies Handlers<Env>`. */
  export interface Handlers<Env = Record<string, unknown>, Body = unknown> {
    fetch?(request: Request, env: Env, ctx: Context): Response | Promise<Response>;
    scheduled?(event: ScheduledEvent, env: Env, ctx: Context): void | Promise<void>;
    queue?(batch: MessageBatch<Body>, env: Env, ctx: Context): void | Promise<void>;
  }

  /** `export const main: Main<Event, Result> = async (event, context) => …`. */
  export type Main<Event = unknown, Result = unknown, Env = Record<string, unknown>> = (
    event: Event,
    context: MainContext<Env>,
  ) => Result | Promise<Result>;
}
