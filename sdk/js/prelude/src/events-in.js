// Cron slots and queue messages in the shape that handlers know from Workers.

import { begin, end, report } from "./invocation.js";
import { utf8Decode, utf8DecodeWithoutMark } from "./text.js";

/** What a `scheduled` handler is given. */
class ScheduledEvent {
  static name = "ScheduledEvent";
  #final = false;
  type = "scheduled";

  constructor(slot) {
    this.cron = slot.schedule;
    this.scheduledTime = slot.timeMs;
    this.timezone = slot.timezone;
    this.job = slot.job;
    this.missed = slot.missed;
    this.attempt = slot.start;
  }

  /** A failure of this slot shall be its last: it is logged, and the slot is over. */
  noRetry() {
    this.#final = true;
  }

  static isFinal(event) {
    return event.#final;
  }
}

const { isFinal } = ScheduledEvent;
delete ScheduledEvent.isFinal;

/** The export that runs slots of schedules. */
export const scheduledAsync = (handler, self, env) => ({
  async handle(slot) {
    const ctx = begin();
    const event = new ScheduledEvent(slot);
    try {
      await handler.call(self, event, env, ctx);
    } catch (error) {
      const text = report(error);
      if (!isFinal(event)) throw text;
    } finally {
      await end(ctx);
    }
  },
});

/** The body of a message by its media type: JSON, text or bytes. */
function messageBody({ body, contentType }) {
  const type = contentType.split(";", 1)[0].trim().toLowerCase();
  if (type === "application/json" || type.endsWith("+json")) return JSON.parse(utf8DecodeWithoutMark(body));
  if (type.startsWith("text/") || type === "") return utf8Decode(body);
  return body;
}

/** What has been decided about a message. */
const OPEN = "open";
const ACKED = "acked";
const RETRY = "retry";

const delayOf = (options) => (options?.delaySeconds === undefined ? null : Math.max(0, Math.round(options.delaySeconds * 1000)));

class Message {
  static name = "Message";
  #raw;
  #body;
  #fate = OPEN;
  #delay = null;

  constructor(raw) {
    this.#raw = raw;
    this.id = raw.id;
    this.timestamp = new Date(raw.sentMs);
    this.attempts = raw.start;
    this.contentType = raw.contentType;
    this.orderKey = raw.orderKey ?? undefined;
  }

  get body() {
    this.#body ??= { value: messageBody(this.#raw) };
    return this.#body.value;
  }

  /** This message is done, whatever becomes of the batch. The first word on a message counts. */
  ack() {
    if (this.#fate === OPEN) this.#fate = ACKED;
  }

  /** This message comes again, after `delaySeconds` or the queue's usual time. */
  retry(options) {
    if (this.#fate !== OPEN) return;
    this.#fate = RETRY;
    this.#delay = delayOf(options);
  }

  static fate(message) {
    return message.#fate;
  }

  static failure(message, reason) {
    return { id: message.id, reason, retryAfterMs: message.#delay };
  }
}

const { fate, failure } = Message;
delete Message.fate;
delete Message.failure;

/** What a `queue` handler is given. */
class MessageBatch {
  static name = "MessageBatch";
  constructor(queue, messages) {
    this.queue = queue;
    this.messages = messages.map((message) => new Message(message));
  }

  ackAll() {
    for (const message of this.messages) message.ack();
  }

  retryAll(options) {
    for (const message of this.messages) message.retry(options);
  }
}

/** The export that takes messages of queues. */
export const queuedAsync = (handler, self, env) => ({
  async handle(queue, messages) {
    const ctx = begin();
    const batch = new MessageBatch(queue, messages);
    try {
      await handler.call(self, batch, env, ctx);
      return batch.messages.filter((message) => fate(message) === RETRY).map((message) => failure(message, "the handler asked for a retry"));
    } catch (error) {
      const text = report(error);
      if (batch.messages.every((message) => fate(message) !== ACKED)) throw text;
      return batch.messages.filter((message) => fate(message) !== ACKED).map((message) => failure(message, text));
    } finally {
      await end(ctx);
    }
  },
});
