// Messages to channels: to whoever listens at that moment. Nothing is kept for others.

import { send } from "ostro:realtime/channels@0.1.0";

import { failureClass, failureOf } from "./failure.js";
import { requireLive } from "./own.js";

/** Why nothing was sent: `code` is `denied`, `invalid`, `busy` or `unavailable`. */
export const ChannelError = failureClass("ChannelError");

/** A channel, to send to. */
class Channel {
  static name = "Channel";
  #name;

  constructor(name) {
    this.#name = name;
  }

  get name() {
    return this.#name;
  }

  /** Sends a message, what has a JSON form, to all who listen. */
  async send(message) {
    const what = `channel "${this.#name}"`;
    const text = JSON.stringify(message);
    if (text === undefined) throw new TypeError(`${what}: the message has no JSON form.`);
    requireLive(what);
    try {
      send(this.#name, text);
    } catch (thrown) {
      throw failureOf(ChannelError, what, thrown);
    }
  }
}

/** The channel of that name, or `NAME/PART`: `import { channel } from "ostro"`. */
export const channel = (name) => new Channel(String(name));
