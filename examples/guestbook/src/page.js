// The page. Everything that somebody wrote is escaped.

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text) => String(text).replace(/[&<>"']/g, (char) => ESCAPES[char]);

const STYLE = `
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }
form, article { border: 1px solid #ccc; border-radius: .5rem; padding: 1rem; margin: 1rem 0; }
label { display: block; margin-bottom: .5rem; }
input, textarea { font: inherit; width: 100%; box-sizing: border-box; }
article p { white-space: pre-wrap; overflow-wrap: anywhere; }
article img { max-width: 100%; border-radius: .25rem; }
time { color: #666; float: right; }
[role=alert] { color: #a00; }`;

const FORM = `<form method="post" enctype="multipart/form-data">
<label>Your name <input name="name" required maxlength="60"></label>
<label>Your words <textarea name="text" required maxlength="2000" rows="3"></textarea></label>
<label>A picture <input name="picture" type="file" accept="image/*"></label>
<button>Sign</button>
</form>`;

const article = ({ name, text, at, picture }) => `<article>
<time datetime="${at.toISOString()}">${at.toISOString().slice(0, 10)}</time><b>${escape(name)}</b>
<p>${escape(text)}</p>
${picture === undefined ? '' : `<img src="/pictures/${encodeURIComponent(picture)}" alt="" loading="lazy">`}
</article>`;

/** The page with these entries. */
export function page({ entries, more, problem }) {
  const next = more === undefined ? '' : `<a href="?after=${encodeURIComponent(more)}">Older entries</a>`;
  const alert = problem === undefined ? '' : `<p role="alert">${escape(problem)}</p>`;
  const list = entries.map(article).join('\n') || '<p>Nobody has signed yet.</p>';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Guestbook</title><style>${STYLE}</style></head>
<body><h1>Guestbook</h1>
${alert}${FORM}
${list}
${next}
</body></html>
`;
}
