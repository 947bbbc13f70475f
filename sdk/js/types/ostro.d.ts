// The platform's own interfaces: `import { … } from "ostro"`, and the shapes of handlers.

declare module "ostro" {
  /** How one message of a queue is sent. */
  export interface SendOptions {
    /** `json` (default for objects), `text` (default for strings), `bytes` (default for buffers), or a media type. */
    contentType?: "json" | "text" | "bytes" | (string & {});
    /** Seconds before which it is not delivered, at most 14 days. */
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

  /**
   * A channel to send to: whoever listens at that moment hears it, and nothing is kept for others. The function needs the grant
   * `channel:NAME:send`, or `channel:NAME/*:send` for all parts. What fails is a {@link ChannelError}.
   */
  export interface Channel<Message = unknown> {
    readonly name: string;
    /** Sends a message, 16 KiB of JSON at most, whatever the channel's rule for sending says. */
    send(message: Message): Promise<void>;
  }

  /** The channel `NAME`, or `NAME/PART` where `NAME/*` is declared. */
  export function channel<Message = unknown>(name: string): Channel<Message>;

  export class ChannelError extends Error {
    readonly code: "denied" | "invalid" | "busy" | "unavailable";
  }

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

  /** A document: JSON, and dates, bytes, maps and integers of 64 bits. Fields that are undefined are left out. */
  export type Document = Record<string, unknown>;
  /** A document as it is found: with its `_id`. */
  export type Stored<Doc> = Doc & { _id: string };
  /**
   * Which documents, in MongoDB's words: `{ age: { $gt: 18 }, "address.city": "Rome", name: /^a/i }`. What is undefined is a
   * TypeError, since without it a filter would be for everything; null matches fields that are null or not there.
   */
  export type Filter<Doc> = { [Name in keyof Stored<Doc>]?: {} | null } & Record<string, {} | null>;
  /** What changes, in MongoDB's words: `{ $set: { … }, $inc: { … } }`. */
  export type Update<Doc> = { $set?: Partial<Doc> & Document; $unset?: Document } & { [Operator in `$${string}`]?: Document };
  export type Sort = Record<string, 1 | -1> | [string, 1 | -1][];
  export type Projection = Record<string, 0 | 1 | Document>;

  export interface FindOptions {
    sort?: Sort;
    skip?: number;
    /** The same: the fields to come with, or without. */
    fields?: Projection;
    projection?: Projection;
  }
  export interface ModifyOptions extends Omit<FindOptions, "skip"> {
    upsert?: boolean;
    /** `before` unless given. */
    returnDocument?: "before" | "after";
  }
  export interface UpdateResult {
    matchedCount: number;
    modifiedCount: number;
    upsertedCount: number;
    upsertedId: string | null;
  }

  /** What `find` gives: first how, then read it once. */
  export interface FindCursor<Doc> extends AsyncIterable<Doc> {
    sort(sort: Sort): this;
    sort(field: string, direction?: 1 | -1): this;
    skip(count: number): this;
    limit(count: number): this;
    project(fields: Projection): this;
    fields(fields: Projection): this;
    /** Goes on where another cursor of the same filter and sort has ended. */
    after(cursor: string | null | undefined): this;
    /** Where the next page begins, when there is one. Throws while documents that have come are unread. */
    readonly cursor: string | undefined;
    next(): Promise<Doc | null>;
    hasNext(): Promise<boolean>;
    toArray(): Promise<Doc[]>;
    forEach(act: (document: Doc) => unknown): Promise<void>;
  }
  /** What `aggregate` gives. */
  export interface AggregationCursor<Result> extends AsyncIterable<Result> {
    toArray(): Promise<Result[]>;
  }

  /**
   * A collection of the project. The function needs the grant `collection:NAME`. What fails is a {@link DatabaseError}; what was
   * acknowledged is on the disk.
   */
  export interface Collection<Doc extends object = Document> {
    readonly name: string;
    insertOne(document: Doc & { _id?: string }): Promise<{ insertedId: string }>;
    /** All or none. */
    insertMany(documents: Iterable<Doc & { _id?: string }>): Promise<{ insertedIds: string[]; insertedCount: number }>;
    get(id: string): Promise<Stored<Doc> | null>;
    findOne(filter?: Filter<Doc>, options?: FindOptions): Promise<Stored<Doc> | null>;
    find(filter?: Filter<Doc>, options?: FindOptions & { limit?: number; cursor?: string }): FindCursor<Stored<Doc>>;
    countDocuments(filter?: Filter<Doc>, options?: { limit?: number }): Promise<number>;
    distinct<Name extends keyof Doc & string>(field: Name, filter?: Filter<Doc>): Promise<Doc[Name][]>;
    distinct<Value = unknown>(field: string, filter?: Filter<Doc>): Promise<Value[]>;
    aggregate<Result = Document>(pipeline: Document[]): AggregationCursor<Result>;
    updateOne(filter: Filter<Doc>, update: Update<Doc>, options?: { upsert?: boolean; sort?: Sort }): Promise<UpdateResult>;
    updateMany(filter: Filter<Doc>, update: Update<Doc>, options?: { upsert?: boolean }): Promise<UpdateResult>;
    replaceOne(filter: Filter<Doc>, document: Doc, options?: { upsert?: boolean; sort?: Sort }): Promise<UpdateResult>;
    deleteOne(filter: Filter<Doc>, options?: { sort?: Sort }): Promise<{ deletedCount: number }>;
    deleteMany(filter: Filter<Doc>): Promise<{ deletedCount: number }>;
    findOneAndUpdate(filter: Filter<Doc>, update: Update<Doc>, options?: ModifyOptions): Promise<Stored<Doc> | null>;
    findOneAndReplace(filter: Filter<Doc>, document: Doc, options?: ModifyOptions): Promise<Stored<Doc> | null>;
    findOneAndDelete(filter: Filter<Doc>, options?: Omit<FindOptions, "skip">): Promise<Stored<Doc> | null>;
  }

  /** What a transaction's function works with. All of it is there at once when the function has returned, or not at all. */
  export interface Transaction {
    collection<Doc extends object = Document>(name: string): Collection<Doc>;
    kv(name: string): {
      get(key: string, options?: "text"): Promise<string | null>;
      get<Value = unknown>(key: string, options: "json"): Promise<Value | null>;
      get(key: string, options: "arrayBuffer"): Promise<ArrayBuffer | null>;
      put(key: string, value: string | ArrayBuffer | ArrayBufferView | ReadableStream): Promise<void>;
      delete(key: string): Promise<void>;
    };
    queue<Body = unknown>(name: string): { send(body: Body, options?: SendOptions): Promise<void> };
  }

  /** How something is opened: as the caller of whichever invocation is running, under the rules that hold for callers from outside. */
  export interface AsCaller {
    as: "caller";
  }

  /** Documents. */
  export const db: {
    collection<Doc extends object = Document>(name: string, options?: AsCaller): Collection<Doc>;
    /** Runs a function in a transaction. After a conflict it is called again, up to 5 times (`retries`). */
    transaction<Result>(act: (tx: Transaction) => Promise<Result>, options?: { retries?: number }): Promise<Result>;
  };

  export class DatabaseError extends Error {
    readonly code: "denied" | "invalid" | "duplicate" | "too-large" | "full" | "timeout" | "conflict" | "unavailable";
  }

  /** What is said of an object, and of one that was got its content. */
  export interface StoredObject {
    readonly key: string;
    readonly size: number;
    /** Of the content, without quotes; `httpEtag` has them. */
    readonly etag: string;
    readonly httpEtag: string;
    readonly uploaded: Date;
    readonly contentType?: string;
    readonly metadata: Record<string, string>;
    /** The id of the account that it belongs to, if any. */
    readonly owner?: string;
    readonly httpMetadata: { contentType?: string };
    readonly customMetadata: Record<string, string>;
    readonly range?: { offset: number; length: number };
    writeHttpMetadata(headers: Headers): void;
    readonly body: ReadableStream<Uint8Array> | null;
    readonly bodyUsed: boolean;
    text(): Promise<string>;
    json<Value = unknown>(): Promise<Value>;
    arrayBuffer(): Promise<ArrayBuffer>;
    bytes(): Promise<Uint8Array>;
    blob(): Promise<Blob>;
  }
  export interface PutOptions {
    contentType?: string;
    metadata?: Record<string, string>;
    /** The id of an account, whose the object is for the rules of the bucket; nobody's unless given. A copy stays its original's owner's. */
    owner?: string | null;
    /** Only in place of the content with that etag. */
    ifMatch?: string;
    /** Only where there is none. */
    ifNoneMatch?: "*";
    httpMetadata?: { contentType?: string } | Headers;
    customMetadata?: Record<string, string>;
    /** As `ifMatch`, but gives null where it is not so. */
    onlyIf?: { etagMatches?: string; etagDoesNotMatch?: "*" } | Headers;
  }
  export interface GetObjectOptions {
    range?: { offset?: number; length?: number } | { suffix: number } | Headers;
    ifMatch?: string;
    /** Where it is not so, the object comes without its content. */
    onlyIf?: { etagMatches?: string; etagDoesNotMatch?: string; uploadedBefore?: Date; uploadedAfter?: Date } | Headers;
  }
  /** What `signedUrl` is told beside the key: what the answer says of a GET, what a PUT may put. */
  export type SignOptions =
    | { method?: "GET"; expiresIn?: number; contentType?: string; contentDisposition?: string }
    | { method: "PUT"; expiresIn?: number; contentType?: string; metadata?: Record<string, string>; maxBytes?: number; ifNoneMatch?: "*" };

  /** A bucket of the project, as Workers have them. The function needs the grant `bucket:NAME`. */
  export interface Bucket {
    readonly name: string;
    put(key: string, value: BodyInit | Request | Response | StoredObject | null, options?: PutOptions & { onlyIf?: undefined }): Promise<StoredObject>;
    put(key: string, value: BodyInit | Request | Response | StoredObject | null, options?: PutOptions): Promise<StoredObject | null>;
    get(key: string, options?: GetObjectOptions): Promise<StoredObject | null>;
    head(key: string): Promise<StoredObject | null>;
    /** Whether it was there. */
    delete(key: string, options?: { ifMatch?: string }): Promise<boolean>;
    delete(keys: string[]): Promise<void>;
    list(options?: { prefix?: string; limit?: number; cursor?: string }): Promise<{ objects: StoredObject[]; truncated: boolean; cursor?: string; delimitedPrefixes: string[] }>;
    copy(key: string, to: string, options?: PutOptions & { bucket?: string | Bucket }): Promise<StoredObject | null>;
    /** A path with a query by which anybody may get or put the object, for `expiresIn` seconds (an hour unless given). */
    signedUrl(key: string, options?: SignOptions): Promise<string>;
  }

  export const storage: { bucket(name: string, options?: AsCaller): Bucket };

  export class StorageError extends Error {
    readonly code: "denied" | "invalid" | "changed" | "too-large" | "full" | "damaged" | "unavailable";
  }

  export type SqlValue = string | number | bigint | boolean | null | ArrayBuffer | ArrayBufferView;
  /** For `?` in order, or for `:name`, `@name` and `$name`. */
  export type SqlParameters = SqlValue[] | Record<string, SqlValue>;
  /** A row by the names of its columns: bytes as Uint8Array; integers beyond 2^53 are rounded. */
  export type Row = Record<string, string | number | Uint8Array | null>;

  /** What a statement has done; the second half is as D1 has it. */
  export interface Outcome<R = Row> {
    rows: R[];
    rowsAffected: number;
    lastRowId: number | null;
    results: R[];
    success: true;
    meta: { changes: number; last_row_id: number | null };
  }
  export interface PreparedStatement {
    bind(...values: SqlValue[]): PreparedStatement;
    all<R = Row>(): Promise<Outcome<R>>;
    run<R = Row>(): Promise<Outcome<R>>;
    first<R = Row>(): Promise<R | null>;
    first<Value = Row[string]>(column: string): Promise<Value | null>;
    raw<Values = Row[string][]>(options?: { columnNames?: boolean }): Promise<Values[]>;
  }

  /** A private SQLite database of the project. The function needs the grant `sql:NAME`. */
  export interface Database {
    readonly name: string;
    /** The rows of a statement that only reads. */
    query<R = Row>(sql: string, parameters?: SqlParameters): Promise<R[]>;
    /** Runs a statement, whole or not at all. */
    execute<R = Row>(sql: string, parameters?: SqlParameters): Promise<Outcome<R>>;
    /** Runs statements in one transaction. */
    batch<R = Row>(statements: Iterable<PreparedStatement | string | [sql: string, parameters?: SqlParameters]>): Promise<Outcome<R>[]>;
    prepare(sql: string): PreparedStatement;
  }

  export const sql: { database(name: string): Database };

  export class SqlError extends Error {
    readonly code: "denied" | "invalid" | "constraint" | "limit" | "unavailable";
  }

  /** How a function is called: by default with POST, at a path that no client can reach. */
  export interface CallOptions {
    path?: string;
    method?: string;
  }

  /** The other functions of the project. The function needs the grant `function:NAME`. */
  export const functions: {
    /** Calls a function with JSON and gives its JSON. */
    invoke<Result = unknown>(name: string, data?: unknown, options?: CallOptions & { headers?: HeadersInit; timeoutMs?: number }): Promise<Result>;
    /** Has a function called later, at least once, and gives the id of the job that does it. */
    send(name: string, data?: unknown, options?: CallOptions & { delaySeconds?: number; dedupeKey?: string }): Promise<string>;
  };

  export class FunctionError extends Error {
    readonly code: "denied" | "unknown-function" | "loop" | "busy" | "failed" | "invalid" | "unavailable" | "deadline";
    /** Of one that failed: what it answered, and why the platform says that it failed, if it does. */
    readonly status?: number;
    readonly body?: unknown;
    readonly reason?: string;
  }

  /** A function as a binding: as a service of Workers. */
  export interface Service {
    readonly name: string;
    fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
    invoke<Result = unknown>(data?: unknown, options?: CallOptions & { headers?: HeadersInit; timeoutMs?: number }): Promise<Result>;
  }

  /**
   * On whose behalf the running invocation acts, as the front door has verified it: no message can say otherwise. Who is signed in is asked
   * only where `auth` or `roles` in the manifest say so.
   */
  export const identity: {
    /** `user` for somebody who is signed in, `nobody` for a client that is not, `system` for the platform and operators. */
    readonly caller: "user" | "nobody" | "system" | (string & {});
    /** The id of the account; null unless the caller is a user. */
    readonly user: string | null;
    /** What the account may do, as of its last refresh; empty unless the caller is a user. */
    readonly roles: string[];
    /** Whether it is an account that nobody has said who it is of. */
    readonly isAnonymous: boolean;
  };

  /** An account of the project. */
  export interface User {
    id: string;
    email: string | null;
    /** Whether mail to the address has arrived. */
    verified: boolean;
    /** Whether nobody has said who it is of. */
    anonymous: boolean;
    /** Whether it may not sign in; told by `get` and `list` alone. */
    disabled?: boolean;
    roles: string[];
    /** RFC 3339. */
    created_at: string;
  }

  /** What a client needs to be signed in, as `/_ostro/v1/auth/` answers it: hand it on as it is. */
  export interface Session {
    user: User;
    /** For `authorization: Bearer …`. */
    access_token: string;
    token_type: string;
    /** Seconds that the access token lives. */
    expires_in: number;
    /** Good for one refresh. */
    refresh_token: string;
  }

  /** The accounts of the project. The grants are `users:sign-in`, `users:read` and `users:write`; what fails is a {@link UsersError}. */
  export const users: {
    /**
     * A session of whoever the function has recognised elsewhere, such as an openid at `wechat`. The account is made the first time; or
     * that of the id `link` gets the identity, and an anonymous one is that no more.
     */
    signInExternal(provider: string, subject: string, options?: { link: string }): Promise<Session>;
    signUp(email: string, password: string): Promise<Session>;
    signIn(email: string, password: string): Promise<Session>;
    signInAnonymous(): Promise<Session>;
    /** The session with new tokens, for a refresh token that is good for this one use. */
    refresh(refreshToken: string): Promise<Session>;
    get(id: string): Promise<(User & { identities: { provider: string; subject: string }[]; sessions: number }) | null>;
    /** The newest first; with `email` those whose address begins so, by address. A cursor is there when there may be more. */
    list(options?: { limit?: number; cursor?: string; email?: string }): Promise<{ users: User[]; cursor?: string }>;
    /** Tokens say so from their next refresh. Whether there is such an account. */
    setRoles(id: string, roles: string[]): Promise<boolean>;
    /** Whether there is such an account. If it may not sign in, its sessions end. */
    setDisabled(id: string, disabled: boolean): Promise<boolean>;
    /** Ends all sessions of an account; whether there is such an account. */
    signOut(id: string): Promise<boolean>;
    /** Deletes an account with its sessions; whether there was such an account. */
    delete(id: string): Promise<boolean>;
  };

  export class UsersError extends Error {
    readonly code: "denied" | "invalid" | "not-enabled" | "refused" | "taken" | "busy" | "full" | "unavailable";
  }

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
