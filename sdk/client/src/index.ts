// Ostro from the page: `createClient(url)`, and the types of what it gives.

export { type Client, type ClientOptions, createClient } from "./client.ts";
export { OstroError } from "./problem.ts";
export { command, command as _ } from "./command.ts";
export { type TokenStore, localStore, memoryStore } from "./token-store.ts";

export type { Auth, Credentials } from "./auth.ts";
export type { DocumentReference, Query } from "./chain.ts";
export type { Collection, ModifyOptions, UpdateResult } from "./collection.ts";
export type { Assignment, Condition } from "./conditions.ts";
export type { AggregationCursor, FindCursor, FindOptions } from "./cursor.ts";
export type { Collections, Documents } from "./documents.ts";
export type { Functions, InvokeOptions } from "./functions.ts";
export type { CallOptions, Transport } from "./http.ts";
export type { LiveListener, Snapshot } from "./live.ts";
export type { ClientCode } from "./problem.ts";
export type { Change, ChangeListener, MessageListener, Realtime, Watch } from "./realtime.ts";
export type { SessionAnswer, User } from "./session.ts";
export type { Bucket, ObjectInfo, Range, Storage, StoredObject } from "./storage.ts";
export type { AnySchema, Document, Filter, New, Projection, Sort, Stored, Update } from "./types.ts";
export type { Content, Progress, Uploaded, UploadOptions } from "./upload.ts";
export type { Backoff } from "./waiting.ts";
