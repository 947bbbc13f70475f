// Math.random, which the interpreter seeds when the snapshot is made: every instance would draw the same numbers. This
// one (xoshiro128**) is seeded by the host when it is first called in an instance.

import { onLive } from "./life.js";
import { getRandomBytes } from "./wit.js";

let state = null;

onLive(() => {
  state = null;
});

function seed() {
  const words = new Uint32Array(4);
  const bytes = new Uint8Array(words.buffer);
  for (let at = 0; at < bytes.length; ) {
    const some = getRandomBytes(bytes.length - at);
    bytes.set(some, at);
    at += some.length;
  }
  words[0] |= 1;
  return words;
}

const rotate = (word, bits) => (word << bits) | (word >>> (32 - bits));

function next() {
  const result = Math.imul(rotate(Math.imul(state[1], 5), 7), 9) >>> 0;
  const shifted = state[1] << 9;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = rotate(state[3], 11);
  return result;
}

/** A number in [0, 1) of 53 random bits, not fit for keys. */
export function random() {
  state ??= seed();
  return ((next() >>> 5) * 0x4000000 + (next() >>> 6)) / 2 ** 53;
}
