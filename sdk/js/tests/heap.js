// A snapshot of much, with holes of many sizes in between: what is held must come back as it was, and what was free
// must be of use again.

const SIZES = [1, 8, 24, 56, 100, 200, 255, 256, 300, 500, 513, 1000, 4000, 4096, 5000, 20_000, 65_528, 200_000];

const texts = new Map();
for (let index = 0; index < 50_000; index += 1) texts.set(index, `value ${(index * 7919) % 50_000}`);
const ones = new Uint8Array(65_536).fill(0xff);

/** Makes buffers and objects of many sizes, and gives one of seven: the others are garbage. */
function holes(rounds) {
  const made = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const size of SIZES) {
      const buffer = new Uint8Array(size).fill(0xaa);
      made.push({ buffer, text: "x".repeat(size % 700), list: new Array(size % 90).fill(round) });
    }
  }
  return made.filter((_, index) => index % 7 === 0);
}

const kept = holes(40);

/** A number that is another one if anything has changed. */
function checksum() {
  let sum = 0;
  const add = (number) => {
    sum = (Math.imul(sum, 31) + number) | 0;
  };
  for (const [key, value] of texts) {
    add(key);
    for (let at = 0; at < value.length; at += 1) add(value.charCodeAt(at));
  }
  for (const byte of ones) add(byte);
  for (const { buffer, text, list } of kept) {
    for (let at = 0; at < buffer.length; at += 97) add(buffer[at]);
    add(text.length);
    for (const number of list) add(number);
  }
  return sum;
}

const built = checksum();

export default {
  fetch() {
    const before = checksum();
    let made = 0;
    for (let round = 0; round < 10; round += 1) {
      const objects = Array.from({ length: 10_000 }, (_, index) => ({ index, text: `object ${index}`, list: [round] }));
      made += objects.length;
    }
    made += holes(10).length;
    const same = [...texts.keys()].every((index) => texts.get(index) === `value ${(index * 7919) % 50_000}`);
    return Response.json({ built, before, after: checksum(), made, same, ones: ones.every((byte) => byte === 0xff) });
  },
};
