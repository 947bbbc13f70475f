// Static files. A JavaScript function has no file system, so they are modules; each is known by its digest, so that browsers may
// keep it for ever and a new version has a new address.
import filter from './assets/filter.js';
import style from './assets/style.js';

const FILES = {
  'style.css': { text: style, type: 'text/css; charset=utf-8' },
  'filter.js': { text: filter, type: 'text/javascript; charset=utf-8' },
};

for (const file of Object.values(FILES)) {
  file.version = digest(file.text);
}

/** The address of a file, with its version. */
export function link(name) {
  return `/assets/${name}?v=${FILES[name].version}`;
}

/** The answer to a request for a file; undefined if there is none of that name. */
export function asset(request, pathname) {
  const file = FILES[pathname.slice('/assets/'.length)];
  if (file === undefined) {
    return undefined;
  }
  const headers = { etag: `"${file.version}"`, 'cache-control': 'public, max-age=31536000, immutable' };
  if (request.headers.get('if-none-match') === headers.etag) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(file.text, { headers: { ...headers, 'content-type': file.type } });
}

/** FNV-1a, 32 bits: enough to tell two versions of a file apart, and cheap when the module is loaded. */
function digest(text) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}
