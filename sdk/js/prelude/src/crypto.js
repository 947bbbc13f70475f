// crypto: random values from the host; digests and HMAC by a library in JavaScript, so some 1 MB a second.

import { part } from "./parts.js";
import { bytesOf, isBufferSource } from "./text.js";
import { requireLive } from "./life.js";
import { getRandomBytes } from "./wit.js";

// What the library calls them.
const HASHES = new Map([["SHA-1", "sha1"], ["SHA-256", "sha256"], ["SHA-384", "sha384"], ["SHA-512", "sha512"]]);
const QUOTA_BYTES = 65536;
const INTEGERS = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array, BigUint64Array];

/** As many random bytes as wanted: the host may give fewer at a time. */
function randomBytes(length) {
  requireLive("crypto.getRandomValues");
  let bytes = getRandomBytes(length);
  while (bytes.length < length) {
    const more = getRandomBytes(length - bytes.length);
    const all = new Uint8Array(bytes.length + more.length);
    all.set(bytes);
    all.set(more, bytes.length);
    bytes = all;
  }
  return bytes;
}

const nameOf = (algorithm) => String(typeof algorithm === "object" ? algorithm?.name : algorithm).toUpperCase();
const unsupported = (what) => new DOMException(`${what} is not supported: digest and HMAC with SHA-1, -256, -384 and -512 are.`, "NotSupportedError");

function hashOf(algorithm) {
  const hash = HASHES.get(nameOf(algorithm));
  if (hash === undefined) throw unsupported(nameOf(algorithm));
  return part("hashes")[hash];
}

function dataOf(data) {
  if (!isBufferSource(data)) throw new TypeError("crypto.subtle: data is an ArrayBuffer or a view of one.");
  return bytesOf(data);
}

const bufferOf = (bytes) => (bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer);

const MAKE = Symbol("make");
let secretOf;

export class CryptoKey {
  #secret;

  constructor(key, secret, algorithm, extractable, usages) {
    if (key !== MAKE) throw new TypeError("Illegal constructor: use crypto.subtle.importKey.");
    this.#secret = secret;
    const type = "secret";
    Object.assign(this, { type, algorithm, extractable, usages });
    Object.freeze(this);
  }

  static {
    secretOf = (key) => key.#secret;
  }

  get [Symbol.toStringTag]() {
    return "CryptoKey";
  }
}

/** The hash of an HMAC key's algorithm, by name. */
function hmacHash(algorithm) {
  if (nameOf(algorithm) !== "HMAC") throw unsupported(nameOf(algorithm));
  const hash = nameOf(algorithm.hash);
  hashOf(hash);
  return hash;
}

function hmacKey(secret, hash, extractable, usages) {
  const wrong = usages.find((usage) => usage !== "sign" && usage !== "verify");
  if (wrong !== undefined || usages.length === 0) throw new DOMException("An HMAC key is for sign or verify.", "SyntaxError");
  if (secret.length === 0) throw new DOMException("The key is empty.", "DataError");
  return new CryptoKey(MAKE, secret, { name: "HMAC", hash: { name: hash }, length: secret.length * 8 }, Boolean(extractable), [...usages]);
}

/** A key's secret, if the key may be used so. */
function secretFor(key, usage) {
  if (!(key instanceof CryptoKey)) throw new TypeError("crypto.subtle: the key is a CryptoKey.");
  if (!key.usages.includes(usage)) throw new DOMException(`The key is not for "${usage}".`, "InvalidAccessError");
  return secretOf(key);
}

const mac = (key, usage, data) => part("hashes").hmac(hashOf(key.algorithm.hash), secretFor(key, usage), dataOf(data));

/** Compares in a time that tells nothing about where two differ. */
function equal(a, b) {
  let difference = a.length ^ b.length;
  for (let at = 0; at < a.length; at += 1) difference |= a[at] ^ b[at % Math.max(b.length, 1)];
  return difference === 0;
}

export class SubtleCrypto {
  async digest(algorithm, data) {
    return bufferOf(hashOf(algorithm)(dataOf(data)));
  }

  async importKey(format, data, algorithm, extractable, usages) {
    const hash = hmacHash(algorithm);
    if (format === "raw") return hmacKey(dataOf(data).slice(), hash, extractable, usages);
    if (format !== "jwk") throw unsupported(`The key format "${format}"`);
    if (data?.kty !== "oct" || typeof data.k !== "string") throw new DOMException("The key is not an octet JWK.", "DataError");
    return hmacKey(Uint8Array.fromBase64(data.k, { alphabet: "base64url" }), hash, extractable, usages);
  }

  async exportKey(format, key) {
    if (!key.extractable) throw new DOMException("The key is not extractable.", "InvalidAccessError");
    if (format === "raw") return secretOf(key).slice().buffer;
    if (format !== "jwk") throw unsupported(`The key format "${format}"`);
    const k = secretOf(key).toBase64({ alphabet: "base64url", omitPadding: true });
    return { kty: "oct", k, alg: key.algorithm.hash.name.replace("SHA-", "HS"), key_ops: key.usages, ext: true };
  }

  async generateKey(algorithm, extractable, usages) {
    const hash = hmacHash(algorithm);
    const bits = algorithm.length ?? hashOf(hash).blockLen * 8;
    return hmacKey(randomBytes(Math.ceil(bits / 8)), hash, extractable, usages);
  }

  async sign(algorithm, key, data) {
    if (nameOf(algorithm) !== "HMAC") throw unsupported(nameOf(algorithm));
    return bufferOf(mac(key, "sign", data));
  }

  async verify(algorithm, key, signature, data) {
    if (nameOf(algorithm) !== "HMAC") throw unsupported(nameOf(algorithm));
    return equal(mac(key, "verify", data), dataOf(signature));
  }
}

for (const name of ["encrypt", "decrypt", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"]) {
  SubtleCrypto.prototype[name] = async () => {
    throw unsupported(`crypto.subtle.${name}`);
  };
}

const UUID = /^(.{8})(.{4}).(.{3})(.)(.{3})(.{12})$/;

export class Crypto {
  #subtle = new SubtleCrypto();

  get subtle() {
    return this.#subtle;
  }

  getRandomValues(array) {
    if (!INTEGERS.some((kind) => array instanceof kind)) {
      throw new DOMException("crypto.getRandomValues fills a typed array of integers.", "TypeMismatchError");
    }
    if (array.byteLength > QUOTA_BYTES) {
      throw new DOMException(`crypto.getRandomValues gives ${QUOTA_BYTES} bytes at most.`, "QuotaExceededError");
    }
    if (array.byteLength > 0) bytesOf(array).set(randomBytes(array.byteLength));
    return array;
  }

  randomUUID() {
    const hex = randomBytes(16).toHex();
    const variant = "89ab"[Number.parseInt(hex[16], 16) & 3];
    return hex.replace(UUID, (_, a, b, c, _d, e, f) => `${a}-${b}-4${c}-${variant}${e}-${f}`);
  }

  /** Compares two secrets in constant time; an addition that Workers have too. */
  timingSafeEqual(a, b) {
    return equal(bytesOf(a), bytesOf(b));
  }

  get [Symbol.toStringTag]() {
    return "Crypto";
  }
}
