// Objects in buckets, as functions have them.

import { type CallOptions, ask, pathOf, readJson } from "./http.ts";
import { hasStatus } from "./problem.ts";
import type { Session } from "./session.ts";
import type { Content, Upload, Uploaded, UploadOptions } from "./upload.ts";

/** What is said of an object. */
export interface ObjectInfo {
  readonly key: string;
  readonly size: number;
  /** Of the content, without quotes. */
  readonly etag: string;
  readonly uploaded: Date;
  readonly contentType: string | undefined;
}

/** Bytes of an object: from a place on, from it so many, or the last ones. */
export type Range = { offset: number; length?: number } | { suffix: number };

/** What is said of an object, and its content, which can be read once. */
export type StoredObject = ObjectInfo & Pick<Response, "body" | "text" | "json" | "arrayBuffer" | "blob">;

const unquoted = (etag: string | null) => (etag ?? "").replaceAll('"', "");

/** An answer, and what its headers say of the object. */
function objectOf(key: string, response: Response): StoredObject {
  const header = (name: string) => response.headers.get(name);
  return Object.assign(response, {
    key,
    // Of a range, the size of the whole stands behind the slash.
    size: Number(header("content-range")?.split("/")[1] ?? header("content-length") ?? NaN),
    etag: unquoted(header("etag")),
    uploaded: new Date(header("last-modified") ?? NaN),
    contentType: header("content-type") ?? undefined,
  });
}

interface ListAnswer {
  objects: { key: string; size: number; etag: string; written_ms: number; content_type?: string }[];
  cursor?: string | null;
}

/** A bucket of the project. */
export class Bucket {
  readonly name: string;
  readonly #session: Session;
  readonly #upload: Upload;

  constructor(name: string, session: Session, upload: Upload) {
    this.name = name;
    this.#session = session;
    this.#upload = upload;
  }

  /** Puts an object; large ones go in parts. Whole or not at all. */
  upload(key: string, content: Content, options?: UploadOptions): Promise<Uploaded> {
    return this.#upload(this.name, key, content, options);
  }

  /** The object, or null. */
  get(key: string, { range, signal }: CallOptions & { range?: Range } = {}): Promise<StoredObject | null> {
    const headers: Record<string, string> = range === undefined ? {} : { range: `bytes=${rangeOf(range)}` };
    return this.#look(key, "GET", headers, signal);
  }

  /** What is said of the object, or null. */
  head(key: string, { signal }: CallOptions = {}): Promise<ObjectInfo | null> {
    return this.#look(key, "HEAD", {}, signal);
  }

  async #look(key: string, method: string, headers: Record<string, string>, signal: AbortSignal | undefined): Promise<StoredObject | null> {
    const call = { path: this.#path(key), method, headers, signal, idempotent: true };
    try {
      return await this.#session.send(call, (response) => objectOf(key, response));
    } catch (error) {
      // An answer to HEAD has no body to say which it is.
      if (hasStatus(error, 404) && ["not_found", "unexpected"].includes(error.code)) return null;
      throw error;
    }
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#session.send({ path: this.#path(key), method: "DELETE", signal, idempotent: true }, () => {});
  }

  /** The objects whose keys begin with `prefix`, in the order of their bytes; 1,000 at most, and where the next page begins. */
  async list({ signal, prefix, cursor, limit }: CallOptions & { prefix?: string; cursor?: string; limit?: number } = {}) {
    // JSON leaves out what is undefined.
    const query = new URLSearchParams(JSON.parse(JSON.stringify({ prefix, cursor, limit })));
    const call = { path: `storage/${pathOf(this.name)}?${query}`, method: "GET", signal, idempotent: true };
    const answer = await this.#session.send(call, readJson<ListAnswer>());
    const objects = answer.objects.map(({ key, size, etag, written_ms, content_type }): ObjectInfo => ({
      key, size, etag: unquoted(etag), uploaded: new Date(written_ms), contentType: content_type || undefined,
    }));
    return { objects, truncated: typeof answer.cursor === "string", cursor: answer.cursor ?? undefined };
  }

  /** An address by which anybody may get or put the object, for `expiresIn` seconds (an hour unless given). */
  async signedUrl(key: string, { method = "GET", expiresIn = 3600, signal }: CallOptions & { method?: "GET" | "PUT"; expiresIn?: number } = {}): Promise<string> {
    const wanted = { action: method.toLowerCase(), expires: expiresIn };
    const { url } = await ask<{ url: string }>(this.#session, `${this.#path(key)}?sign`, wanted, { signal, idempotent: true });
    return new URL(url, this.#session.http.root).href;
  }

  #path(key: string): string {
    return `storage/${pathOf(this.name, key)}`;
  }
}

const rangeOf = (range: Range): string => {
  if ("suffix" in range) return `-${range.suffix}`;
  return `${range.offset}-${range.length === undefined ? "" : range.offset + range.length - 1}`;
};

/** `client.storage`. */
export class Storage {
  readonly #session: Session;
  readonly #upload: Upload;

  constructor(session: Session, upload: Upload) {
    this.#session = session;
    this.#upload = upload;
  }

  bucket(name: string): Bucket {
    return new Bucket(name, this.#session, this.#upload);
  }

  /** Puts a file into the bucket `uploads` unless told otherwise, under a key of its own that ends with the file's name. */
  upload(file: Content, { bucket = "uploads", key = keyOf(file), ...options }: UploadOptions & { bucket?: string; key?: string } = {}): Promise<Uploaded> {
    return this.bucket(bucket).upload(key, file, options);
  }
}

function keyOf(file: Content): string {
  const name = file instanceof Blob && "name" in file ? `/${String(file.name)}` : "";
  // randomUUID is there on secure pages only.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("") + name;
}
