// Where a session is kept between pages: nowhere, in localStorage, or wherever the program says.

/** Keeps one text, which is secret: who has it is signed in. Methods may be asynchronous. */
export interface TokenStore {
  load(): string | null | Promise<string | null>;
  /** null forgets it. */
  save(text: string | null): void | Promise<void>;
  /** Calls with what another tab has saved. */
  watch?(changed: (text: string | null) => void): void;
}

/** Keeps the session as long as the page. No script of another page load can find it. */
export function memoryStore(): TokenStore {
  let kept: string | null = null;
  return {
    load: () => kept,
    save(text) {
      kept = text;
    },
  };
}

/** Keeps the session in localStorage: it outlives the page and is the same in all tabs, and every script of the origin can read it. */
export function localStore(name = "ostro.session"): TokenStore {
  return {
    load: () => localStorage.getItem(name),
    save(text) {
      if (text === null) localStorage.removeItem(name);
      else localStorage.setItem(name, text);
    },
    watch(changed) {
      // `key` is null when all was cleared.
      addEventListener("storage", ({ key, newValue }) => (key === name || key === null) && changed(newValue));
    },
  };
}
