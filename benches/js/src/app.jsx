// What JavaScript runtimes are compared with: a hello, 100 KB of JSON parsed and sent back, a page of 50 rows rendered by Preact.
// The shape is that of Workers; Ostro and workerd run this file, express.mjs does the same as functions-framework wants it.
import { page } from './page.jsx';

export default {
  async fetch(request) {
    switch (new URL(request.url).pathname) {
      case '/hello':
        return new Response('Hello, World!\n');
      case '/json': {
        const { items } = await request.json();
        return Response.json({ items, count: items.length });
      }
      case '/page':
        return new Response(page(), { headers: { 'content-type': 'text/html; charset=utf-8' } });
      default:
        return new Response('not found\n', { status: 404 });
    }
  },
};
