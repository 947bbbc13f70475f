// What a page does with `sdk/client`, run by Node against a real server: `node page.mjs URL`. It prints what came of it as JSON.
import { createClient, _ } from "../../sdk/client/dist/ostro-client.js";

const url = process.argv[2];
const [ann, bob] = [createClient(url), createClient(url)];
const told = {};

const user = await ann.auth.signUp({ email: "ann@example.com", password: "correct horse" });
await bob.auth.signUp({ email: "bob@example.com", password: "correct horse" });
const notes = ann.db.collection("notes");
const { insertedId } = await notes.insertOne({ text: "Milk", done: false, due: new Date("2026-05-04T10:00:00Z"), n: 1 });
await notes.insertMany([{ text: "Bread", done: true, n: 2 }, { text: "Salt", done: false, n: 3 }]);

const note = await notes.get(insertedId);
told.own = { text: note.text, isHers: note.owner === user.id, due: note.due.toISOString() };
told.sorted = (await notes.find({ n: { $gt: 1 } }).sort({ n: -1 }).toArray()).map((found) => found.text);
told.chain = (await notes.where({ n: _.gt(1), done: false }).orderBy("n", "desc").limit(10).get()).data.map((found) => found.text);
told.updated = await notes.updateOne({ _id: insertedId }, { $inc: { n: 10 } });
told.counted = await notes.countDocuments({ n: { $gte: 3 } });
told.total = (await notes.where({ done: false }).count()).total;
const batch = await ann.db.batch((db) => [db.collection("notes").countDocuments({}), db.collection("closed").findOne({})]);
told.batch = batch.map((result) => (result.status === "fulfilled" ? result.value : result.reason.code));

const others = bob.db.collection("notes");
told.seenByBob = await others.countDocuments({});
told.changedByBob = await others.updateMany({}, { $set: { text: "his" } });
told.refused = await bob.db.collection("closed").find({}).toArray().catch(({ code, status }) => ({ code, status }));

// A list that follows the changes of two pages, beside one that is nobody's business, and a refusal.
const until = async (isSo) => {
  for (const end = Date.now() + 30_000; !isSo(); await new Promise((resolve) => setTimeout(resolve, 10))) {
    if (Date.now() > end) throw new Error(`it did not come: ${JSON.stringify(told)}`);
  }
};
let [list, hisList, refused] = [[], undefined, undefined];
const other = createClient(url);
await other.auth.signIn({ email: "ann@example.com", password: "correct horse" });
const watch = other.db.collection("notes").where({ n: _.lt(10) }).orderBy("n").watch({ onChange: ({ docs }) => (list = docs.map(({ text }) => text)) });
bob.db.collection("notes").where({}).watch({ onChange: ({ docs }) => (hisList = docs.length) });
other.db.collection("closed").watch({}, { onChange() {}, onError: ({ code }) => (refused = code) });
await until(() => list.length === 2 && hisList === 0 && refused !== undefined);
told.watched = [list];
await notes.insertOne({ text: "Oil", n: 0 });
await until(() => list.length === 3);
told.watched.push(list);
await notes.updateOne({ text: "Bread" }, { $set: { n: 20 } });
await until(() => list.length === 2);
told.watched.push(list);
await notes.deleteOne({ text: "Oil" });
await until(() => list.length === 1);
told.watched.push(list);
told.hisList = hisList;
told.watchRefused = refused;
watch.close();

await ann.auth.refresh();
told.afterRefresh = await notes.countDocuments({});
await ann.auth.changePassword({ old: "correct horse", new: "battery staple" });
await ann.auth.refresh();
told.afterPassword = await notes.countDocuments({});
told.elsewhere = await other.auth.refresh().catch(({ code }) => code);
await ann.auth.signOut();
told.afterSignOut = await notes.countDocuments({}).catch(({ code }) => code);
told.wrong = await ann.auth.signIn({ email: "ann@example.com", password: "wrong horse" }).catch(({ code, status }) => ({ code, status }));
await ann.auth.signIn({ email: "ann@example.com", password: "battery staple" });
told.deleted = await notes.deleteMany({});
console.log(JSON.stringify(told));
// Streams that are still open would keep the page.
process.exit();
