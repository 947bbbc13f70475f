// Libraries that many programs never use. The compiler hands each over before the program's modules run: ready, when a
// word in the program suggests that it is used, else as a text, which takes a hundredth of a second when it is needed.

// Taken now: a program may put something of its own in its place. A call by another name has no variables of ours.
const evaluate = eval;

const ready = new Map();
const texts = new Map();
const followers = new Map();

/** Hands a library over. */
export function provide(name, library) {
  ready.set(name, library);
  texts.delete(name);
  followers.get(name)?.(library);
}

/** Hands over the text of an expression that makes a library. */
export const provideText = (name, text) => texts.set(name, text);

/** Has a function called with a library when it is there. */
export const whenReady = (name, follower) => followers.set(name, follower);

export const isReady = (name) => ready.has(name);

/** A library, which this makes if nobody needed it before. */
export function part(name) {
  if (!ready.has(name)) provide(name, evaluate(texts.get(name)));
  return ready.get(name);
}
