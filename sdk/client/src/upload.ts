// Contents on their way to a bucket: small ones at once, large ones in parts that a broken connection does not lose, in
// the words of tus 1.0 (https://tus.io/protocols/resumable-upload).

import { type Call, type CallOptions, isPassing, pathOf, readJson } from "./http.ts";
import { tell } from "./listener.ts";
import { OstroError, hasStatus } from "./problem.ts";
import type { Session } from "./session.ts";
import { type Backoff, pauseMs, sleep } from "./waiting.ts";
import { transportWithProgress } from "./xhr.ts";

/** How far an upload is. */
export interface Progress {
  /** Bytes that have been sent. */
  loaded: number;
  total: number;
}

export interface UploadOptions extends CallOptions {
  onProgress?: (progress: Progress) => unknown;
  /** That of a Blob unless given. */
  contentType?: string | undefined;
  /** Called with the name of an upload in parts when it has begun: with it another page can go on. */
  onBegin?: (upload: string) => unknown;
  /** Goes on with an upload that has begun, of the same content. */
  resume?: string;
  /** Bytes of a part, 4 MiB unless given: what a broken connection costs. What is not longer goes at once. */
  partSize?: number;
}

/** What is known of an object that was put. */
export interface Uploaded {
  bucket: string;
  key: string;
  size: number;
  /** Of the content, without quotes; undefined where the server does not show it to pages of other origins. */
  etag: string | undefined;
}

/** What can be put: streams cannot, because they cannot be sent again. */
export type Content = Blob | BufferSource | string;

const PART = 4 << 20;

/** Puts a content into a bucket. */
export type Upload = (bucket: string, key: string, content: Content, options?: UploadOptions) => Promise<Uploaded>;

/** What puts contents in the name of a session. */
export const uploader =
  (session: Session, backoff: Backoff): Upload =>
  async (bucket, key, content, { signal, onProgress, onBegin, resume, contentType, partSize = PART } = {}) => {
    const blob = content instanceof Blob ? content : new Blob([content as BlobPart]);
    const total = blob.size;
    const progress = (loaded: number) => tell(onProgress, { loaded: Math.min(loaded, total), total });
    const type = contentType ?? blob.type;
    const headers: Record<string, string> = type === "" ? {} : { "content-type": type };
    const object = `storage/${pathOf(bucket, key)}`;

    /** Sends bytes of the content and gives the etag of the answer. */
    const send = (call: Call, from: number, to: number) => {
      const transport = onProgress && transportWithProgress((sent) => progress(Math.min(from + sent, to)));
      return session.send({ ...call, body: blob.slice(from, to), signal, transport }, async (response) => {
        await response.arrayBuffer();
        progress(to);
        return response.headers.get("etag")?.replaceAll('"', "") || undefined;
      });
    };
    const begin = async () => {
      const call = { path: `${object}?uploads`, headers: { ...headers, "upload-length": String(total) }, signal };
      const { upload } = await session.send(call, readJson<{ upload: string }>());
      tell(onBegin, upload);
      return upload;
    };
    /** How many bytes of an upload the server has. */
    const offsetOf = async (path: string) => {
      const call = { path, method: "HEAD", signal, idempotent: true };
      const offset = await session.send(call, (response) => Number(response.headers.get("upload-offset") ?? NaN));
      if (!(offset <= total)) throw new OstroError("bad_answer", "the server has another content");
      progress(offset);
      return offset;
    };
    /** Sends part after part. After a failure the server says how much it has: that part may have arrived. */
    const sendParts = async (path: string, from: number) => {
      let etag: string | undefined;
      for (let [offset, failures] = [from, 0]; offset < total; ) {
        const about = { "content-type": "application/offset+octet-stream", "upload-offset": String(offset) };
        const end = Math.min(offset + Math.max(partSize, 1), total);
        try {
          etag = await send({ path, method: "PATCH", headers: about }, offset, end);
          [offset, failures] = [end, 0];
        } catch (error) {
          // 409: the server has more of it, or less.
          const isWorthIt = isPassing(error) || hasStatus(error, 409);
          if (!isWorthIt || (failures += 1) >= backoff.attempts) throw error;
          await sleep(error.retryAfterMs ?? pauseMs(backoff, failures - 1), signal);
          const known = await offsetOf(path);
          if (known > offset) failures = 0;
          offset = known;
        }
      }
      return etag;
    };

    if (resume === undefined && total <= partSize) {
      const etag = await send({ path: object, method: "PUT", headers, idempotent: true }, 0, total);
      return { bucket, key, size: total, etag };
    }
    const path = `uploads/${pathOf(resume ?? (await begin()))}`;
    const etag = await sendParts(path, resume === undefined ? 0 : await offsetOf(path));
    return { bucket, key, size: total, etag };
  };
