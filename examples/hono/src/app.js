// A Hono application as its authors would write it for any runtime: routing, JSON, cookies, middleware, streaming.
import { Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { cors } from 'hono/cors';
import { etag } from 'hono/etag';
import { basicAuth } from 'hono/basic-auth';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { stream, streamSSE, streamText } from 'hono/streaming';

const app = new Hono();

// Middleware: a header on every answer, CORS and sign-in where they are wanted.
app.use(async (c, next) => {
  await next();
  c.header('x-served-by', 'hono');
});
app.use('/api/*', cors({ origin: 'https://app.example.com', allowMethods: ['GET', 'POST', 'PUT', 'DELETE'] }));
app.use('/admin/*', basicAuth({ username: 'ann', password: 'correct horse' }));
app.use('/page', etag());

app.get('/', (c) => c.text('Hello, Hono!\n'));
app.get('/page', (c) => c.html('<!doctype html><title>Page</title><p>The same every time.</p>'));
app.get('/hello/:name', (c) => c.text(`Hello, ${c.req.param('name')}!`));
app.get('/files/:path{.+\\.txt}', (c) => c.json({ path: c.req.param('path') }));
app.get('/search', (c) => c.json({ q: c.req.query('q') ?? null, tags: c.req.queries('tag') ?? [] }));
app.get('/old', (c) => c.redirect('/hello/there', 301));
app.get('/agent', (c) => c.json({ agent: c.req.header('user-agent') ?? null, accept: c.req.header('accept') ?? null }));

// JSON in, JSON out.
app.post('/api/sum', async (c) => {
  const { numbers } = await c.req.json();
  if (!Array.isArray(numbers) || !numbers.every((n) => typeof n === 'number')) {
    throw new HTTPException(422, { message: 'numbers: a list of numbers' });
  }
  return c.json({ sum: numbers.reduce((sum, n) => sum + n, 0) }, 201);
});
app.put('/api/items/:id', async (c) => c.json({ id: Number(c.req.param('id')), ...(await c.req.json()) }));
app.delete('/api/items/:id', (c) => c.body(null, 204));
app.post('/form', async (c) => c.json(await c.req.parseBody({ all: true })));
app.post('/echo', async (c) => c.body(await c.req.arrayBuffer(), 200, { 'content-type': 'application/octet-stream' }));
app.post('/small', bodyLimit({ maxSize: 16, onError: (c) => c.text('too large', 413) }), async (c) =>
  c.text(await c.req.text()),
);

// Cookies.
app.get('/login/:user', (c) => {
  setCookie(c, 'user', c.req.param('user'), { path: '/', httpOnly: true, sameSite: 'Lax', maxAge: 3600 });
  setCookie(c, 'theme', 'dark & light');
  return c.text('welcome');
});
app.get('/me', (c) => c.json(getCookie(c)));
app.get('/logout', (c) => {
  deleteCookie(c, 'user');
  return c.text('bye');
});

// A second application, mounted; and variables that middleware hands on.
const shop = new Hono();
shop.use(async (c, next) => {
  c.set('currency', c.req.query('currency') ?? 'EUR');
  await next();
});
shop.get('/', (c) => c.json({ shop: true, currency: c.get('currency') }));
shop.get('/:item/price', (c) => c.json({ item: c.req.param('item'), price: 12, currency: c.get('currency') }));
app.route('/shop', shop);

app.get('/admin/panel', (c) => c.text('secret panel'));

// Answers that come in pieces.
app.get('/stream', (c) => {
  c.header('content-type', 'text/plain; charset=UTF-8');
  return stream(c, async (out) => {
    for (const piece of ['one ', 'two ', 'three']) {
      await out.write(piece);
      await out.sleep(10);
    }
  });
});
app.get('/stream-text', (c) =>
  streamText(c, async (out) => {
    for (let n = 3; n > 0; n -= 1) {
      await out.writeln(`${n}…`);
    }
    await out.write('go');
  }),
);
app.get('/events', (c) =>
  streamSSE(c, async (out) => {
    for (let id = 0; id < 3; id += 1) {
      await out.writeSSE({ id: String(id), event: 'tick', data: JSON.stringify({ id }) });
    }
  }),
);

// Failures.
app.get('/teapot', () => {
  throw new HTTPException(418, { message: 'short and stout' });
});
app.get('/broken', () => {
  throw new Error('this is for the log, not for the client');
});
app.notFound((c) => c.json({ error: 'not found', path: c.req.path }, 404));
app.onError((error, c) => {
  if (error instanceof HTTPException) {
    return error.getResponse();
  }
  console.error(error.message);
  return c.json({ error: 'internal' }, 500);
});

export default app;
