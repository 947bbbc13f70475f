// What is kept. Every call is made as whoever asks: who may see and change what is said by the rules in `ostro.toml`, nowhere here.
import { DatabaseError, db } from 'ostro';

const MOST = 50;
const MOST_TITLE = 120;
const MOST_TEXT = 20_000;

const articles = () => db.collection('articles', { as: 'caller' });

/** What somebody has written can't be taken; the message tells them why. */
export class Unfit extends Error {}

const titles = (status) => articles().find({ status }).sort({ changed: -1 }).limit(MOST).project({ title: 1 }).toArray();

/** What is published, the newest first. */
export const published = () => titles('published');

/** What waits to be published: a writer's own, all of them for an editor. */
export const drafts = () => titles('draft');

export const one = (slug) => articles().get(slug);

/** A new draft; gives the name that it has in addresses. */
export async function begin(form) {
  const { title, text } = written(form);
  const slug = title.toLowerCase().normalize('NFKD').replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || crypto.randomUUID();
  try {
    await articles().insertOne({ _id: slug, title, text, status: 'draft', changed: Date.now() });
  } catch (error) {
    throw error instanceof DatabaseError && error.code === 'duplicate' ? new Unfit('There is an article of that name.') : error;
  }
  return slug;
}

/** Whether it was done: it is not for whoever may not. */
export async function change(slug, form) {
  const status = form.get('status') === 'published' ? 'published' : 'draft';
  return done(articles().updateOne({ _id: slug }, { $set: { ...written(form), status, changed: Date.now() } }), 'matchedCount');
}

export const remove = (slug) => done(articles().deleteOne({ _id: slug }), 'deletedCount');

async function done(work, count) {
  try {
    return (await work)[count] === 1;
  } catch (error) {
    if (error instanceof DatabaseError && error.code === 'denied') return false;
    throw error;
  }
}

function written(form) {
  const [title, text] = ['title', 'text'].map((name) => String(form.get(name) ?? '').trim());
  if (title === '') throw new Unfit('An article has a title.');
  if (title.length > MOST_TITLE || text.length > MOST_TEXT) throw new Unfit(`A title has ${MOST_TITLE} characters at most, a text ${MOST_TEXT}.`);
  return { title, text };
}
