// HTML as a tagged template: what is put in is escaped, unless it is HTML itself.

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

class Html {
  constructor(text) {
    this.text = text;
  }
}

const put = (value) => {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(put).join('');
  return value === null || value === undefined || value === false ? '' : String(value).replace(/[&<>"']/g, (char) => ESCAPES[char]);
};

export const html = (texts, ...values) => new Html(String.raw({ raw: texts }, ...values.map(put)));

/** A whole page. What it shows depends on who asks, so nobody may keep it. */
export function page(title, { roles = [], signedIn = false }, content, status = 200) {
  const has = (...some) => some.some((role) => roles.includes(role));
  const text = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><link rel="stylesheet" href="/style.css"><script type="module" src="/session.js"></script></head>
<body><header><a href="/">The Paper</a><nav>
${has('writer', 'editor') && html`<a href="/write">Write</a>`} ${has('editor') && html`<a href="/people">People</a>`}
${signedIn ? html`<button id="sign-out">Sign out</button>` : html`<a href="/sign-in.html">Sign in</a>`}
</nav></header>
<main>${content}</main></body></html>
`.text;
  return new Response(text, { status, headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'private, no-store' } });
}
