// What is kept: entries in a collection, their pictures in a bucket.
import { db, env, StorageError } from 'ostro';

const PAGE = 10;
const MOST_NAME = 60;
const MOST_TEXT = 2000;
const MOST_PICTURE = 2 << 20;
const KINDS = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];

const entries = db.collection('entries');

/** What somebody has written cannot be taken; the message tells them why. */
export class Unfit extends Error {}

/** The newest entries, or those behind a cursor; and the cursor of the next page. */
export async function latest(after) {
  const newest = entries.find().sort({ at: -1, _id: -1 }).limit(PAGE).after(after || undefined);
  try {
    return { entries: await newest.toArray(), more: newest.cursor };
  } catch (error) {
    // A cursor comes out of an address: anybody may write one.
    if (error.code === 'invalid' && after) return latest();
    throw error;
  }
}

/** Adds what a form says. */
export async function add(form) {
  const entry = { name: words(form, 'name', MOST_NAME), text: words(form, 'text', MOST_TEXT), at: new Date() };
  const file = form.get('picture');
  if (file instanceof File && file.size > 0) entry.picture = await keep(file);
  try {
    const { insertedId } = await entries.insertOne(entry);
    return { _id: insertedId, ...entry };
  } catch (error) {
    if (entry.picture) await env.PICTURES.delete(entry.picture);
    throw error;
  }
}

function words(form, name, most) {
  const text = String(form.get(name) ?? '').trim();
  if (text === '') throw new Unfit(`Please fill in your ${name}.`);
  if (text.length > most) throw new Unfit(`Your ${name} may have ${most} characters.`);
  return text;
}

async function keep(file) {
  if (!KINDS.includes(file.type)) throw new Unfit('A picture is a PNG, JPEG, GIF or WebP.');
  if (file.size > MOST_PICTURE) throw new Unfit(`A picture may have ${MOST_PICTURE >> 20} MiB.`);
  const key = crypto.randomUUID();
  await env.PICTURES.put(key, file, { contentType: file.type, ifNoneMatch: '*' });
  return key;
}

/** A picture as an answer. What is under a key never changes. */
export async function picture(request, key) {
  const etag = request.headers.get('if-none-match') ?? undefined;
  const found = await env.PICTURES.get(key, { onlyIf: { etagDoesNotMatch: etag } }).catch((error) => {
    if (error instanceof StorageError && error.code === 'invalid') return null;
    throw error;
  });
  if (found === null) return new Response('Not found\n', { status: 404 });
  const headers = new Headers({ etag: found.httpEtag, 'cache-control': 'public, max-age=31536000, immutable' });
  // It is what somebody sent: a browser must not take it for anything else.
  headers.set('x-content-type-options', 'nosniff');
  found.writeHttpMetadata(headers);
  return found.body === null ? new Response(null, { status: 304, headers }) : new Response(found.body, { headers });
}
