// Waiting that can be given up: pauses, how long they are between attempts, and promises that somebody else shares.

/** How often and how fast something is tried again. */
export interface Backoff {
  /** Attempts in all, the first one too; connections that stay open count none. */
  attempts: number;
  /** The longest pause after the first failure, milliseconds. It doubles with each one. */
  firstMs: number;
  /** The longest pause, milliseconds. */
  mostMs: number;
}

/** Half a pause at least, the rest by chance, so that clients that failed together do not come back together. */
export function pauseMs({ firstMs, mostMs }: Backoff, failures: number): number {
  const most = Math.min(firstMs * 2 ** failures, mostMs);
  return most / 2 + (Math.random() * most) / 2;
}

/** Resolves after that time; rejects with the signal's reason when it is aborted. */
export const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  unlessAborted(new Promise((resolve) => void setTimeout(resolve, ms)), signal);

/** The promise, for one of those who wait for it: when that one gives up, the work goes on for the others. */
export function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    void promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** A timer that keeps no program running that has nothing else to do: Node's would. */
export function timer(act: () => void, ms: number): ReturnType<typeof setTimeout> {
  const made = setTimeout(act, ms);
  (made as { unref?(): void }).unref?.();
  return made;
}
