// Signing in and out. The session is in a cookie that no script can read: pages that the server renders know by it who asks.

const call = (path, body) => fetch(`/_ostro/v1/auth/${path}`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

document.getElementById('sign-out')?.addEventListener('click', async () => {
  await call('sign-out', {});
  location.assign('/');
});

document.getElementById('sign-in')?.addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const way = event.submitter?.value ?? 'sign-in';
  const answer = await call(way, { email: form.get('email'), password: form.get('password'), cookie: true });
  if (answer.ok) return location.assign('/');
  const { error } = await answer.json();
  const problem = document.getElementById('problem');
  problem.textContent = error.message;
  problem.hidden = false;
});
