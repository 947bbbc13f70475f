// Server-sent events as they come over `fetch` (HTML standard, section 9.2.6): EventSource cannot say who is asking.

/** An event, or only the id from which to go on. */
export interface StreamEvent {
  /** `message` unless said. */
  event: string;
  /** null where a block had no data. */
  data: string | null;
  /** The last id that was said, in this block or before. */
  id: string | undefined;
}

/** A block of a stream that never ends would fill the memory, characters. */
const LONGEST_BLOCK = 16 << 20;

/** Makes events of the text of a stream, however it was cut. */
export class EventParser {
  /** What the server asks for as the pause before the next attempt, milliseconds. */
  retryMs: number | undefined;
  #rest = "";
  #id: string | undefined;

  /** `id` is that from which the stream goes on. */
  constructor(id?: string) {
    this.#id = id;
  }

  /** The events that are complete with this piece. */
  *push(piece: string): Generator<StreamEvent, void> {
    // A CR at the end may be half of a CR LF.
    const blocks = (this.#rest + piece).replace(/\r(\n|(?!$))/g, "\n").split("\n\n");
    this.#rest = blocks.pop() ?? "";
    if (this.#rest.length > LONGEST_BLOCK) throw new RangeError("event too long");
    for (const block of blocks) yield this.#event(block);
  }

  #event(block: string): StreamEvent {
    let event = "message";
    const data: string[] = [];
    for (const line of block.split("\n")) {
      const [, name, value = ""] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (name === "event") event = value;
      if (name === "data") data.push(value);
      if (name === "id") this.#id = value || undefined;
      if (name === "retry") this.retryMs = Number(value) || undefined;
    }
    return { event, data: data.length === 0 ? null : data.join("\n"), id: this.#id };
  }
}
