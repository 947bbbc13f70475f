// The cloud-function shape.

import type { Main } from "ostro";

export const main: Main<{ a: number }, { double: number }> = async (event, ctx) => {
  const bytes = new TextEncoder().encode(ctx.request.url);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new Uint8Array(digest));
      controller.close();
    },
  });
  await stream.pipeTo(new WritableStream());
  // @ts-expect-error: the event's `a` is a number.
  event.a.toUpperCase();
  return { double: event.a * 2 };
};
