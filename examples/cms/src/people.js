// Who may write: an editor says so. The route lets nobody else in.
import { identity, users } from 'ostro';

import { html, page } from './html.js';

const ROLES = ['writer', 'editor'];

export default {
  async fetch(request) {
    if (request.method === 'POST') {
      const form = await request.formData();
      const id = String(form.get('id'));
      // Whoever took the role from themselves could not give it back.
      const person = id === identity.user ? null : await users.get(id);
      const others = person?.roles.filter((role) => !ROLES.includes(role)) ?? [];
      if (person !== null) await users.setRoles(id, [...others, ...ROLES.filter((role) => form.has(role))]);
      return new Response(null, { status: 303, headers: { location: '/people' } });
    }
    const { users: people } = await users.list({ limit: 100 });
    return page('People', { signedIn: true, roles: identity.roles }, html`<h1>People</h1>${people.map(row)}
<p>A role holds from the next page on that somebody opens.</p>`);
  },
};

const row = ({ id, email, roles }) => html`<form method="post" class="person"><input type="hidden" name="id" value="${id}"><b>${email ?? 'Somebody'}</b>
${ROLES.map((role) => html`<label><input type="checkbox" name="${role}" ${roles.includes(role) && 'checked'}> ${role}</label>`)}
<button ${id === identity.user && 'disabled'}>Set</button></form>`;
