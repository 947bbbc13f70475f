// The hash library, for `parts.js`.

import { hmac } from "@noble/hashes/hmac.js";
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";

// Runs the hashes once, so that their tables are in the snapshot.
for (const hash of [sha1, sha256, sha384, sha512]) hash(new Uint8Array(5));

export { hmac, sha1, sha256, sha384, sha512 };
