// Calls of what the program has handed in.

/** Calls a listener. What it throws is the program's fault to see, and stops nothing here. */
export function tell<Arguments extends unknown[]>(listener: ((...given: Arguments) => unknown) | undefined, ...given: Arguments): void {
  try {
    listener?.(...given);
  } catch (fault) {
    queueMicrotask(() => {
      throw fault;
    });
  }
}
