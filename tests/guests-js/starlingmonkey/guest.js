// A service-worker-like function for StarlingMonkey: says what it was asked for, or counts what was posted to it.
addEventListener('fetch', (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  const { pathname } = new URL(request.url);
  const text = request.method === 'POST' ? `${(await request.text()).length} characters` : `asked for ${pathname}`;
  return new Response(`starlingmonkey: ${text}\n`, { headers: { 'content-type': 'text/plain' } });
}
