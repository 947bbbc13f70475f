// A room where people write to each other: accounts without a name, documents under rules, and changes as they happen.
import { createClient, localStore } from "/ostro-client.js";

const ostro = createClient(location.origin, { tokens: localStore() });
const messages = ostro.db.collection("messages");
const room = location.hash.slice(1) || "lobby";
const channel = `rooms/${room}`;
const $ = (id) => document.getElementById(id);
let name;
let [told, hidden] = [0, undefined];

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
    // A room whose name is none of a channel goes without.
    ostro.realtime.channel(channel, { onMessage: hint, onError() {} });
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

// Once in a while is enough, and it does no harm where it is not heard.
$("say").addEventListener("input", () => {
  if (Date.now() - told < 2_000) return;
  told = Date.now();
  ostro.realtime.send(channel, { typing: name }).catch(() => {});
});

function hint({ typing }) {
  if (typing === name) return;
  $("typing").textContent = `${typing} is typing …`;
  clearTimeout(hidden);
  hidden = setTimeout(() => ($("typing").textContent = ""), 3_000);
}

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
