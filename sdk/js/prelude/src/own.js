// What the modules for kinds of data (`src/data`) share with the prelude. They are modules of their own, so that only
// programs which use them carry them.

import { Body, extract, takeBody } from "./body.js";
import { kinds, messageOf } from "./env.js";
import { bytesFor, reader, textOf } from "./kv.js";
import { requireLive } from "./life.js";
import { HostBody } from "./streams.js";
import { bytesOf, isBufferSource, utf8Encode } from "./text.js";
import { drop, hostError } from "./wit.js";

/** In this order in `data/own.js`: names would cost every program room. */
export const own = () => [
  Body, HostBody, bytesFor, bytesOf, drop, extract, hostError, isBufferSource, kinds, messageOf, reader, requireLive, takeBody, textOf, utf8Encode,
];
