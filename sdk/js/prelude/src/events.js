// Event, EventTarget, AbortSignal, AbortController.

export class Event {
  #type;
  #init;
  #stopped = false;
  #prevented = false;
  #target = null;
  #time = Date.now();

  constructor(type, init = {}) {
    this.#type = String(type);
    this.#init = init ?? {};
  }

  static NONE = 0;
  static CAPTURING_PHASE = 1;
  static AT_TARGET = 2;
  static BUBBLING_PHASE = 3;

  get type() {
    return this.#type;
  }
  get target() {
    return this.#target;
  }
  get currentTarget() {
    return this.#target;
  }
  get srcElement() {
    return this.#target;
  }
  get eventPhase() {
    return this.#target === null ? Event.NONE : Event.AT_TARGET;
  }
  get bubbles() {
    return Boolean(this.#init.bubbles);
  }
  get cancelable() {
    return Boolean(this.#init.cancelable);
  }
  get composed() {
    return Boolean(this.#init.composed);
  }
  get defaultPrevented() {
    return this.#prevented;
  }
  get timeStamp() {
    return this.#time;
  }
  get isTrusted() {
    return false;
  }
  composedPath() {
    return this.#target === null ? [] : [this.#target];
  }
  preventDefault() {
    if (this.cancelable) this.#prevented = true;
  }
  stopPropagation() {}
  stopImmediatePropagation() {
    this.#stopped = true;
  }

  /** Sets the target and calls listeners until one stops the event. */
  static deliver(event, target, listeners) {
    event.#target = target;
    event.#stopped = false;
    for (const listener of listeners) {
      if (event.#stopped) break;
      if (!listener.removed) listener.call(event);
    }
    return !event.#prevented;
  }

  get [Symbol.toStringTag]() {
    return "Event";
  }
}

const { deliver } = Event;
delete Event.deliver;

export class CustomEvent extends Event {
  #detail;
  constructor(type, init = {}) {
    super(type, init);
    this.#detail = init?.detail ?? null;
  }
  get detail() {
    return this.#detail;
  }
}

/** A callback with its options, and the call that reports what it throws. */
class Listener {
  removed = false;
  constructor(target, type, callback, capture, once) {
    Object.assign(this, { target, type, callback, capture, once });
  }
  call(event) {
    if (this.once) this.target.removeEventListener(this.type, this.callback, this.capture);
    try {
      if (typeof this.callback === "function") this.callback.call(this.target, event);
      else this.callback.handleEvent(event);
    } catch (error) {
      console.error("An event listener threw:", error);
    }
  }
}

const captureOf = (options) => Boolean(typeof options === "object" && options !== null ? options.capture : options);

export class EventTarget {
  #listeners = new Map();

  addEventListener(type, callback, options) {
    if (callback === null || callback === undefined) return;
    const { once = false, signal } = typeof options === "object" && options !== null ? options : {};
    if (signal?.aborted) return;
    const capture = captureOf(options);
    const list = this.#listeners.get(String(type)) ?? [];
    if (list.some((listener) => listener.callback === callback && listener.capture === capture)) return;
    list.push(new Listener(this, String(type), callback, capture, once));
    this.#listeners.set(String(type), list);
    signal?.addEventListener("abort", () => this.removeEventListener(type, callback, capture), { once: true });
  }

  removeEventListener(type, callback, options) {
    const list = this.#listeners.get(String(type));
    const capture = captureOf(options);
    const at = list?.findIndex((listener) => listener.callback === callback && listener.capture === capture) ?? -1;
    if (at < 0) return;
    list[at].removed = true;
    this.#listeners.set(String(type), list.toSpliced(at, 1));
  }

  dispatchEvent(event) {
    return deliver(event, this, [...(this.#listeners.get(event.type) ?? [])]);
  }

  get [Symbol.toStringTag]() {
    return "EventTarget";
  }
}

const MAKE = Symbol("make");
let abort;

/** Makes `target.on<type>` a listener that can be set and read. */
class HandlerSlot {
  #listener = null;
  set(target, type, value) {
    if (this.#listener !== null) target.removeEventListener(type, this.#listener);
    this.#listener = typeof value === "function" ? value : null;
    if (this.#listener !== null) target.addEventListener(type, this.#listener);
  }
  get() {
    return this.#listener;
  }
}

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason;
  #handler = null;
  #followers = [];

  constructor(key) {
    if (key !== MAKE) throw new TypeError("Illegal constructor: use AbortController, AbortSignal.timeout or .any.");
    super();
  }

  static {
    abort = (signal, reason) => {
      if (signal.#aborted) return;
      signal.#aborted = true;
      signal.#reason = reason === undefined ? new DOMException("This operation was aborted", "AbortError") : reason;
      signal.dispatchEvent(new Event("abort"));
      for (const follower of signal.#followers) abort(follower, signal.#reason);
      signal.#followers = [];
    };
  }

  static abort(reason) {
    const signal = new AbortSignal(MAKE);
    abort(signal, reason);
    return signal;
  }

  static timeout(milliseconds) {
    const signal = new AbortSignal(MAKE);
    setTimeout(() => abort(signal, new DOMException("The operation timed out", "TimeoutError")), milliseconds);
    return signal;
  }

  static any(signals) {
    const result = new AbortSignal(MAKE);
    const sources = [...signals];
    const first = sources.find((signal) => signal.#aborted);
    if (first) abort(result, first.#reason);
    else for (const source of sources) source.#followers.push(result);
    return result;
  }

  get aborted() {
    return this.#aborted;
  }
  get reason() {
    return this.#reason;
  }
  throwIfAborted() {
    if (this.#aborted) throw this.#reason;
  }
  get onabort() {
    return this.#handler?.get() ?? null;
  }
  set onabort(value) {
    this.#handler ??= new HandlerSlot();
    this.#handler.set(this, "abort", value);
  }
  get [Symbol.toStringTag]() {
    return "AbortSignal";
  }
}

export class AbortController {
  #signal = new AbortSignal(MAKE);
  get signal() {
    return this.#signal;
  }
  abort(reason) {
    abort(this.#signal, reason);
  }
  get [Symbol.toStringTag]() {
    return "AbortController";
  }
}
