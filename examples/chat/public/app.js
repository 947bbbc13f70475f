// A room where people write to each other: accounts without a name, documents under rules, and changes as they happen.
import { createClient, localStore } from "/ostro-client.js";

const ostro = createClient(location.origin, { tokens: localStore() });
const messages = ostro.db.collection("messages");
const room = location.hash.slice(1) || "lobby";
const $ = (id) => document.getElementById(id);
let name;

$("room").textContent = room;

function problem(error) {
  $("problem").textContent = error.message;
  $("problem").hidden = false;
}

$("enter").addEventListener("submit", async (event) => {
  event.preventDefault();
  name = new FormData(event.target).get("name").trim();
  try {
    await ostro.auth.ready;
    if (ostro.auth.user === null) await ostro.auth.signInAnonymously();
    $("enter").hidden = true;
    $("talk").hidden = false;
    // The last hundred, and whatever comes.
    messages.where({ room }).orderBy("sent", "desc").limit(100).watch({ onChange: ({ docs }) => show(docs), onError: problem });
  } catch (error) {
    problem(error);
  }
});

$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = new FormData(event.target).get("text").trim();
  event.target.reset();
  messages.insertOne({ room, name, text, sent: Date.now() }).catch(problem);
});

function show(docs) {
  $("messages").replaceChildren(...docs.toReversed().map((doc) => {
    const [item, who] = [document.createElement("li"), document.createElement("b")];
    item.classList.toggle("own", doc.author === ostro.auth.user?.id);
    who.textContent = doc.name;
    item.append(who, doc.text);
    return item;
  }));
  $("messages").lastElementChild?.scrollIntoView();
}
