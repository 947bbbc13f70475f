// What comes from the prelude, by its names: see `src/own.js`.

import { own } from "ostro:prelude";

export const [
  Body, HostBody, bytesFor, bytesOf, drop, extract, hostError, isBufferSource, kinds, messageOf, reader, requireLive, takeBody, textOf, utf8Encode,
] = own();
