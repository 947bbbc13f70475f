// Runs in the browser: hides what does not match while one types. Without it the form asks the server.
export default `
const field = document.querySelector('input[name=q]');
const count = document.querySelector('#count');
const items = [...document.querySelectorAll('li')];
field?.addEventListener('input', () => {
  const needle = field.value.trim().toLowerCase();
  let shown = 0;
  for (const item of items) {
    item.hidden = !item.textContent.toLowerCase().includes(needle);
    shown += item.hidden ? 0 : 1;
  }
  count.textContent = shown + (shown === 1 ? ' book' : ' books');
});
`.trimStart();
