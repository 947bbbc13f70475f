/** @jsxImportSource preact */
// A page that the server renders: Preact components become HTML for each request. Works without JavaScript in the browser;
// with it, the list is filtered while one types.
import { renderToString } from 'preact-render-to-string';
import { asset, link } from './assets.js';
import { Detail, List, Missing, Page } from './components.jsx';
import books from './books.json';

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return new Response('GET or HEAD\n', { status: 405, headers: { allow: 'GET, HEAD' } });
    }
    if (pathname.startsWith('/assets/')) {
      return asset(request, pathname) ?? page(404, 'Not found', <Missing />);
    }
    if (pathname === '/') {
      const wanted = searchParams.get('q') ?? '';
      return page(200, 'Books', <List books={matching(wanted)} wanted={wanted} />);
    }
    const book = books.find(({ id }) => pathname === `/books/${id}`);
    return book ? page(200, book.title, <Detail book={book} />) : page(404, 'Not found', <Missing />);
  },
};

function matching(wanted) {
  const needle = wanted.trim().toLowerCase();
  return books.filter(({ title, author }) => `${title} ${author}`.toLowerCase().includes(needle));
}

function page(status, title, content) {
  const html = renderToString(
    <Page title={title} style={link('style.css')} script={link('filter.js')}>
      {content}
    </Page>,
  );
  return new Response(`<!doctype html>${html}\n`, {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' },
  });
}
