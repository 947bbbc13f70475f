// A guestbook: a page with the newest entries and a form for another one.
import { add, latest, picture, Unfit } from './entries.js';
import { page } from './page.js';

export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname.startsWith('/pictures/')) return picture(request, url.pathname.slice('/pictures/'.length));
    if (url.pathname !== '/') return new Response('Not found\n', { status: 404 });
    if (request.method === 'POST') return sign(request);
    if (request.method === 'GET' || request.method === 'HEAD') return show(request, url.searchParams.get('after'));
    return new Response('GET, HEAD or POST\n', { status: 405, headers: { allow: 'GET, HEAD, POST' } });
  },
};

const wantsJson = (request) => (request.headers.get('accept') ?? '').includes('application/json');

async function show(request, after) {
  const found = await latest(after);
  return wantsJson(request) ? Response.json(found) : html(page(found));
}

async function sign(request) {
  try {
    const entry = await add(await request.formData());
    if (wantsJson(request)) return Response.json(entry, { status: 201 });
    // Loading the page again must not sign again.
    return new Response(null, { status: 303, headers: { location: '/' } });
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    if (wantsJson(request)) return Response.json({ error: error.message }, { status: 400 });
    return html(page({ ...(await latest()), problem: error.message }), 400);
  }
}

const html = (text, status = 200) =>
  new Response(text, { status, headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' } });
