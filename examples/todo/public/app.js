// A list of things to do: accounts, documents under rules, files, and changes as they happen. There is no server code.
import { createClient, localStore } from "/ostro-client.js";

const ostro = createClient(location.origin, { tokens: localStore() });
const todos = ostro.db.collection("todos");
const attachments = ostro.storage.bucket("attachments");
const $ = (id) => document.getElementById(id);
let watch;

/** Says what went wrong until something works. */
async function attempt(work) {
  try {
    const result = await work();
    $("problem").hidden = true;
    return result;
  } catch (error) {
    $("problem").textContent = [error.message, error.hint].filter(Boolean).join(": ");
    $("problem").hidden = false;
  }
}

ostro.auth.onChange((user) => {
  watch?.close();
  $("todos").replaceChildren();
  $("account").hidden = user !== null;
  $("list").hidden = $("who").hidden = user === null;
  $("email").textContent = user?.email ?? "";
  if (user === null) return;
  // What another window or another machine changes comes here too.
  watch = todos.where({}).orderBy("created", "asc").limit(200).watch({
    onChange: ({ docs }) => show(docs),
    onError: (error) => attempt(() => Promise.reject(error)),
  });
});

$("account").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const person = { email: form.get("email"), password: form.get("password") };
  void attempt(() => ostro.auth[event.submitter?.value ?? "signIn"](person)).then(() => event.target.reset());
});
$("sign-out").addEventListener("click", () => attempt(() => ostro.auth.signOut()));
$("add").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = new FormData(event.target).get("text").trim();
  event.target.reset();
  if (text !== "") void attempt(() => todos.insertOne({ text, done: false, created: Date.now() }));
});

/** Makes the list what it is now, and leaves alone what is being written. */
function show(docs) {
  const rows = new Map([...$("todos").children].map((row) => [row.dataset.id, row]));
  $("todos").replaceChildren(...docs.map((doc) => fill(rows.get(doc._id) ?? row(doc._id), doc)));
}

function fill(row, doc) {
  const [text, file] = [row.querySelector(".text"), row.querySelector(".file")];
  row.classList.toggle("done", doc.done);
  row.querySelector("[type=checkbox]").checked = doc.done;
  if (document.activeElement !== text) text.textContent = doc.text;
  row.dataset.file = doc.file?.key ?? "";
  file.hidden = doc.file === undefined;
  file.textContent = doc.file?.name ?? "";
  return row;
}

function row(id) {
  const row = $("todo").content.firstElementChild.cloneNode(true);
  const part = (selector) => row.querySelector(selector);
  const set = (fields) => attempt(() => todos.updateOne({ _id: id }, { $set: fields }));
  row.dataset.id = id;
  part("[type=checkbox]").addEventListener("change", ({ target }) => set({ done: target.checked }));
  part(".text").addEventListener("blur", ({ target }) => set({ text: target.textContent.trim() || "?" }));
  part(".text").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    event.target.blur();
  });
  part("[type=file]").addEventListener("change", ({ target }) => attempt(() => attach(row, set, target.files[0])));
  part(".file").addEventListener("click", (event) => {
    event.preventDefault();
    void attempt(async () => open(await attachments.signedUrl(row.dataset.file, { expiresIn: 60 }), "_blank", "noopener"));
  });
  part(".remove").addEventListener("click", () => attempt(async () => {
    await todos.deleteOne({ _id: id });
    if (row.dataset.file !== "") await attachments.delete(row.dataset.file);
  }));
  return row;
}

async function attach(row, set, file) {
  const progress = row.querySelector("progress");
  progress.hidden = false;
  try {
    const onProgress = ({ loaded, total }) => (progress.value = total === 0 ? 1 : loaded / total);
    const { key } = await ostro.storage.upload(file, { bucket: "attachments", onProgress });
    await set({ file: { key, name: file.name } });
  } finally {
    progress.hidden = true;
  }
}
