// The pages: articles for everybody, forms for those who write.
import { identity } from 'ostro';

import { Unfit, begin, change, drafts, one, published, remove } from './articles.js';
import { html, page } from './html.js';

export default {
  async fetch(request) {
    const [, place, slug = ''] = new URL(request.url).pathname.split('/').map(decodeURIComponent);
    const reading = request.method === 'GET' || request.method === 'HEAD';
    if (!reading && (request.method !== 'POST' || place !== 'write')) {
      return new Response('GET or HEAD\n', { status: 405, headers: { allow: 'GET, HEAD' } });
    }
    if (place === '') return show('The Paper', list(await published(), 'articles'));
    if (place === 'articles') return article(await one(slug));
    if (!reading) return write(slug, await request.formData());
    if (slug === '') return desk();
    const found = await one(slug);
    return found === null ? missing() : show(found.title, form(found));
  },
};

const who = () => ({ signedIn: identity.user !== null, roles: identity.roles });
const show = (title, content, status) => page(title, who(), content, status);
const missing = () => show('Not found', html`<h1>Not found</h1>`, 404);
const see = (location) => new Response(null, { status: 303, headers: { location } });

const list = (found, place) => html`<ul>${found.map(({ _id, title }) => html`<li><a href="/${place}/${encodeURIComponent(_id)}">${title}</a></li>`)}</ul>
${found.length === 0 && html`<p>Nothing yet.</p>`}`;

function article(found) {
  if (found === null) return missing();
  const { _id, title, text, status } = found;
  // A writer may have put in anything by the client API.
  const paragraphs = String(text).split(/\s*\n\s*\n/).map((words) => html`<p>${words}</p>`);
  return show(title, html`<article><h1>${title}</h1>${status === 'draft' && html`<p class="draft">A draft: <a href="/write/${encodeURIComponent(_id)}">edit</a></p>`}
${paragraphs}</article>`);
}

const desk = async (problem, given, status) => show('Write', html`<h1>Drafts</h1>${list(await drafts(), 'write')}<h2>A new one</h2>${form(given, problem)}`, status);

const form = ({ _id = '', title = '', text = '', status } = {}, problem) => html`${problem && html`<p role="alert">${problem}</p>`}
<form method="post" action="/write${_id && `/${encodeURIComponent(_id)}`}">
<label>Title <input name="title" value="${title}" required maxlength="120"></label>
<label>Text <textarea name="text" rows="12" maxlength="20000">
${text}</textarea></label>
<button name="status" value="${status ?? 'draft'}">Save</button>
${_id !== '' && identity.roles.includes('editor') && html`
${status === 'draft' ? html`<button name="status" value="published">Publish</button>` : html`<button name="status" value="draft">Take back</button>`}
<button name="status" value="removed" formnovalidate>Remove</button>`}
</form>`;

async function write(slug, given) {
  try {
    if (slug === '') return see(`/write/${encodeURIComponent(await begin(given))}`);
    const removing = given.get('status') === 'removed';
    if (!(await (removing ? remove(slug) : change(slug, given)))) return show('Not allowed', html`<h1>That is not yours to do</h1>`, 403);
    return see(removing ? '/write' : `/articles/${encodeURIComponent(slug)}`);
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    const written = { _id: slug, title: given.get('title'), text: given.get('text'), status: given.get('status') };
    return slug === '' ? desk(error.message, written, 400) : show('Write', form(written, error.message), 400);
  }
}
