// Collections, in the words of MongoDB's driver, and transactions.

import { DatabaseError, db, env, kv } from "ostro";

import harness, { equal, failure, test } from "./harness.js";

const users = db.collection("users");
const names = (documents) => documents.map(({ name }) => name);

test("insert, get, find one and delete", async () => {
  const things = db.collection("things");
  const { insertedId } = await things.insertOne({ name: "a", size: { h: 1, w: 2 }, none: undefined });
  equal([typeof insertedId, insertedId.length], ["string", 36]);
  equal(await things.get(insertedId), { _id: insertedId, name: "a", size: { h: 1, w: 2 } });
  equal((await things.insertOne({ _id: "mine", name: "b" })).insertedId, "mine");
  equal(await things.findOne({ "size.h": 1 }, { projection: { name: 1, _id: 0 } }), { name: "a" });
  equal(await things.findOne({ name: "z" }), null);
  equal(await things.get("none"), null);
  equal(await things.deleteOne({ name: "a" }), { deletedCount: 1 });
  equal(await things.deleteMany({}), { deletedCount: 1 });
  equal(await things.countDocuments(), 0);
});
test("many at once, all or none", async () => {
  const { insertedIds, insertedCount } = await users.insertMany([
    { _id: "1", name: "ann", age: 31, tags: ["a", "b"] },
    { _id: "2", name: "bob", age: 17, tags: ["b"] },
    { _id: "3", name: "cem", age: 52, tags: [] },
    { _id: "4", name: "dot", age: 25, tags: ["c"] },
  ]);
  equal([insertedIds, insertedCount], [["1", "2", "3", "4"], 4]);
  const error = await failure(() => users.insertMany([{ _id: "5" }, { _id: "1" }]));
  equal([error instanceof DatabaseError, error.name, error.code], [true, "DatabaseError", "duplicate"]);
  equal(await users.countDocuments(), 4);
});
test("a cursor is told how, then read", async () => {
  const adults = { age: { $gt: 18 } };
  equal(names(await users.find(adults).sort({ age: 1 }).toArray()), ["dot", "ann", "cem"]);
  equal(names(await users.find(adults).sort("age", -1).limit(2).toArray()), ["cem", "ann"]);
  equal(names(await users.find({}, { sort: [["name", 1]], skip: 1, limit: 2 }).toArray()), ["bob", "cem"]);
  equal(await users.find({ name: "ann" }).project({ age: 1, _id: 0 }).toArray(), [{ age: 31 }]);
  const read = [];
  for await (const { name } of users.find().sort({ name: -1 })) read.push(name);
  equal(read, ["dot", "cem", "bob", "ann"]);
  const cursor = users.find().sort({ name: 1 });
  equal([(await cursor.next()).name, await cursor.hasNext(), names(await cursor.toArray())], ["ann", true, ["bob", "cem", "dot"]]);
  equal([await cursor.next(), await cursor.hasNext()], [null, false]);
  equal((await failure(() => cursor.sort({ age: 1 }))).name, "TypeError");
  // What was fetched and not read yet would be passed over.
  const begun = users.find().sort({ name: 1 });
  for await (const { name } of begun) if (name === "ann") break;
  equal((await failure(() => begun.cursor)).message.includes("3 documents"), true);
  // What is not said to a cursor is as if it was not called.
  equal(names(await users.find().sort({ name: 1 }).sort(undefined).after(null).skip(undefined).project(undefined).limit(2).toArray()).length, 2);
  const few = users.find().sort({ name: 1 }).limit(2);
  equal([(await few.next()).name, (await few.next()).name], ["ann", "bob"]);
  equal(names(await users.find().sort({ name: 1 }).after(few.cursor).toArray()), ["cem", "dot"]);
});
test("pages by a cursor for somebody else", async () => {
  const page = users.find().sort({ name: 1 }).limit(2);
  equal([names(await page.toArray()), typeof page.cursor], [["ann", "bob"], "string"]);
  const rest = users.find().sort({ name: 1 }).limit(3).after(page.cursor);
  equal([names(await rest.toArray()), rest.cursor], [["cem", "dot"], undefined]);
  const error = await failure(() => users.find({ age: 1 }).after(page.cursor).toArray());
  equal(error.code, "invalid");
});
test("more documents than a page has", async () => {
  const many = db.collection("many");
  for (let part = 0; part < 3; part += 1) {
    await many.insertMany(Array.from({ length: 700 }, (_, at) => ({ n: part * 700 + at })));
  }
  equal((await many.find().toArray()).length, 2100);
  equal((await many.find().skip(50).toArray()).length, 2050);
  equal((await many.find().limit(1500).toArray()).length, 1500);
  let sum = 0;
  for await (const { n } of many.find({ n: { $lt: 250 } }).sort({ n: 1 })) sum += n;
  equal(sum, (249 * 250) / 2);
  equal(await many.countDocuments({ n: { $gte: 100 } }, { limit: 1000 }), 1000);
  equal(await many.deleteMany({}), { deletedCount: 2100 });
});
test("update and replace", async () => {
  const changed = await users.updateOne({ name: "ann" }, { $inc: { age: 1 }, $push: { tags: "n" } });
  equal(changed, { matchedCount: 1, modifiedCount: 1, upsertedCount: 0, upsertedId: null });
  equal((await users.updateMany({ age: { $gt: 18 } }, { $set: { adult: true } })).modifiedCount, 3);
  const made = await users.updateOne({ name: "eve" }, { $set: { age: 3 } }, { upsert: true });
  equal([made.matchedCount, made.upsertedCount, (await users.get(made.upsertedId)).name], [0, 1, "eve"]);
  equal((await users.replaceOne({ name: "eve" }, { name: "fay" })).modifiedCount, 1);
  equal(await users.get(made.upsertedId), { _id: made.upsertedId, name: "fay" });
  equal((await users.deleteOne({ name: "fay" })).deletedCount, 1);
  for (const wrong of [{ name: "x" }, {}, undefined]) {
    equal((await failure(() => users.updateOne({ name: "ann" }, wrong))).name, "TypeError");
  }
  equal((await failure(() => users.deleteMany())).name, "TypeError");
});
test("find and change in one", async () => {
  const before = await users.findOneAndUpdate({ name: "bob" }, { $inc: { age: 1 } });
  equal([before.age, (await users.findOne({ name: "bob" })).age], [17, 18]);
  const options = { returnDocument: "after", projection: { age: 1, _id: 0 } };
  equal(await users.findOneAndUpdate({ name: "bob" }, { $inc: { age: -1 } }, options), { age: 17 });
  equal((await users.findOneAndReplace({ name: "bob" }, { name: "bo" })).name, "bob");
  equal((await users.findOneAndDelete({}, { sort: { name: -1 } })).name, "dot");
  equal(await users.findOneAndDelete({ name: "dot" }), null);
});
test("count, distinct and aggregate", async () => {
  equal(await users.distinct("tags"), ["a", "b", "n"]);
  equal(await users.countDocuments({ age: { $exists: true } }), 2);
  const groups = users.aggregate([
    { $match: { age: { $exists: true } } },
    { $group: { _id: null, sum: { $sum: "$age" }, count: { $sum: 1 } } },
  ]);
  equal(await groups.toArray(), [{ _id: null, sum: 84, count: 2 }]);
  const read = [];
  for await (const group of groups) read.push(group.sum);
  equal(read, [84]);
});
test("values keep their kind", async () => {
  const kinds = db.collection("kinds");
  const at = new Date("2026-01-31T12:00:00.123Z");
  const long = 2n ** 62n + 1n;
  const early = new Date(-62_167_219_200_001);
  const document = {
    _id: "k", at, early, bytes: new Uint8Array([0, 1, 255]), long, small: 7n, nothing: null, text: "$date 1234567890123456789",
    deep: [{ at }, [long, undefined]], half: 0.5, big: 1e300, "": "empty", inf: -Infinity, toJ: { toJSON: () => "made" },
  };
  await kinds.insertOne(document);
  const found = await kinds.get("k");
  equal([found.at instanceof Date, found.at.getTime(), found.early.getTime()], [true, at.getTime(), early.getTime()]);
  equal([found.bytes instanceof Uint8Array, Array.from(found.bytes)], [true, [0, 1, 255]]);
  equal([found.long === long, found.small, found.nothing, found.text], [true, 7, null, document.text]);
  equal([found.deep[0].at.getTime(), found.deep[1][0] === long, found.deep[1][1]], [at.getTime(), true, null]);
  equal([found.half, found.big, found[""], found.inf === -Infinity, found.toJ], [0.5, 1e300, "empty", true, "made"]);
  equal((await kinds.findOne({ at: { $gte: new Date("2026-01-31") }, long }))?._id, "k");
  equal(await kinds.countDocuments({ at: { $lt: new Date("2026-01-31") } }), 0);
  equal((await kinds.distinct("at"))[0].getTime(), at.getTime());
  // What it was can be put back.
  await kinds.replaceOne({ _id: "k" }, found);
  equal((await kinds.get("k")).long === long, true);
});
test("numbers stay numbers", async () => {
  const kinds = db.collection("kinds");
  const ns = 1_769_860_800_123 * 1e6;
  const numbers = { ns, even: 2 ** 53, more: 2 ** 53 + 2, below: -(2 ** 60), most: 1e20, edge: 2 ** 53 - 1, long: 10n ** 17n };
  await kinds.insertOne({ _id: "n", ...numbers });
  const { _id, ...found } = await kinds.get("n");
  const seen = (values) => Object.entries(values).map(([name, value]) => [name, typeof value, String(value)]);
  equal(seen(found), seen(numbers));
  equal([found.ns + 1 === ns + 1, await kinds.countDocuments({ ns, more: 2n ** 53n + 2n, long: 1e17 })], [true, 1]);
});
test("maps are objects, and what has no form is said", async () => {
  const kinds = db.collection("kinds");
  await kinds.insertOne({ _id: "m", of: new Map([["a", new Map([[1, new Date(5)]])], ["none", undefined]]) });
  equal((await kinds.get("m")).of, { a: { 1: new Date(5) } });
  equal(await kinds.countDocuments(new Map([["of.a.1", new Date(5)]])), 1);
  for (const value of [new Set(["a"]), Promise.resolve("a")]) {
    equal((await failure(() => kinds.insertOne({ value }))).name, "TypeError");
    equal((await failure(() => kinds.countDocuments({ value }))).name, "TypeError");
  }
});
test("what is undefined is no filter", async () => {
  const owned = db.collection("owned");
  const none = undefined;
  await owned.insertMany([{ _id: "1", by: "ann", parts: [{ by: "ann" }, { by: "bob" }] }, { _id: "2", by: "bob" }]);
  const all = await owned.find().toArray();
  const set = { $set: { by: "eve" } };
  for (const [place, act] of [
    ["by", () => owned.deleteMany({ by: none })],
    ["by", () => owned.deleteOne({ by: none })],
    ["by", () => owned.updateMany({ by: none }, set)],
    ["by", () => owned.updateOne({ by: none }, set)],
    ["by", () => owned.replaceOne({ by: none }, { by: "eve" })],
    ["by", () => owned.findOneAndUpdate({ by: none }, set)],
    ["by", () => owned.findOneAndReplace({ by: none }, { by: "eve" })],
    ["by", () => owned.findOneAndDelete({ by: none })],
    ["by", () => owned.findOne({ by: none })],
    ["by", () => owned.find({ by: none }).toArray()],
    ["by", () => owned.countDocuments({ by: none })],
    ["by", () => owned.distinct("by", { by: none })],
    ["by", () => owned.countDocuments({ by: () => "ann" })],
    ["by.$ne", () => owned.deleteMany({ by: { $ne: none } })],
    ["by.$in.1", () => owned.deleteMany({ by: { $in: ["ann", none] } })],
    ["$and.0.by", () => owned.deleteMany({ $and: [{ by: none }] })],
    ["$or.1.by", () => owned.deleteMany({ $or: [{ by: "ann" }, { by: none }] })],
    ["parts.$elemMatch.by", () => owned.deleteMany({ parts: { $elemMatch: { by: none } } })],
    ["by", () => owned.deleteMany({ by: { toJSON: () => none } })],
    ["0.$match.by", () => owned.aggregate([{ $match: { by: none } }]).toArray()],
    ["1.$group._id", () => owned.aggregate([{ $match: {} }, { $group: { _id: none } }]).toArray()],
    ["sort.by", () => owned.findOneAndDelete({}, { sort: { by: none } })],
    ["sort.by", () => owned.find().sort({ by: none }).toArray()],
    ["fields.by", () => owned.find({}, { projection: { by: none } }).toArray()],
    ["$pull.parts.by", () => owned.updateMany({}, { $pull: { parts: { by: none } } })],
    ["$unset.by", () => owned.updateMany({}, { $unset: { by: none } })],
    ["$set", () => owned.updateMany({}, { $set: none })],
  ]) {
    const error = await failure(act);
    equal([error.name, error.message.includes(`"${place}"`)], ["TypeError", true], `${place}: ${error.message}`);
  }
  for (const filter of [none, null, "1", [], [{ by: "ann" }]]) {
    equal((await failure(() => owned.updateMany(filter, set))).name, "TypeError");
    equal((await failure(() => owned.findOneAndDelete(filter))).name, "TypeError");
    equal((await failure(() => owned.deleteMany(filter))).name, "TypeError");
  }
  for (const act of [() => owned.find(null), () => owned.countDocuments([]), () => owned.distinct(none), () => owned.get(none)]) {
    equal((await failure(act)).name, "TypeError");
  }
  equal(await owned.find().toArray(), all);
  // Null is what a field has that is not there; what is stored leaves out what is undefined.
  equal([await owned.countDocuments({ parts: null }), await owned.countDocuments({ by: { $in: ["ann", null] } })], [1, 1]);
  await owned.updateOne({ _id: "2" }, { $set: { by: "cem", age: none }, $push: { parts: { by: "cem", at: none } } });
  equal(await owned.get("2"), { _id: "2", by: "cem", parts: [{ by: "cem" }] });
});
test("patterns", async () => {
  equal(names(await users.find({ name: /^A/i }).toArray()), ["ann"]);
  equal(names(await users.find({ name: { $not: /n/ } }).sort({ name: 1 }).toArray()), ["bo", "cem"]);
  equal(names(await users.find({ name: /^A/g }).toArray()), []);
});
test("what cannot be stored is said", async () => {
  const cycle = {};
  cycle.self = cycle;
  for (const [document, name] of [[cycle, "TypeError"], [{ n: 2n ** 63n }, "RangeError"], [{ at: new Date(NaN) }, "RangeError"], ["x", "TypeError"], [[], "TypeError"], [null, "TypeError"]]) {
    equal((await failure(() => users.insertOne(document))).name, name);
  }
  equal((await failure(() => users.find({ age: { $near: 1 } }).toArray())).code, "invalid");
  equal((await failure(() => users.find({}, { lmit: 1 }))).message.includes('"lmit"'), true);
  equal((await failure(() => users.insertOne({ text: "x".repeat(2 << 20) }))).code, "invalid");
});
test("a refusal names the grant to add", async () => {
  const error = await failure(() => db.collection("elsewhere").insertOne({}));
  equal([error.code, error.message.includes("collection:elsewhere")], ["denied", true]);
  const reading = await failure(() => db.collection("readonly").insertOne({}));
  equal([reading.code, reading.message.includes("collection:readonly")], ["denied", true]);
  equal(await db.collection("readonly").countDocuments(), 0);
});
test("the binding is the same collection", async () => {
  equal([env.USERS.name, names(await env.USERS.find({ name: "ann" }).toArray())], ["users", ["ann"]]);
});
test("a transaction is whole or not at all", async () => {
  const accounts = db.collection("accounts");
  await accounts.insertMany([{ _id: "a", money: 10 }, { _id: "b", money: 0 }]);
  const left = await db.transaction(async (tx) => {
    const inside = tx.collection("accounts");
    await inside.updateOne({ _id: "a" }, { $inc: { money: -4 } });
    await inside.updateOne({ _id: "b" }, { $inc: { money: 4 } });
    await tx.kv("words").put("moved", "4");
    await tx.queue("post").send({ moved: 4 }, { dedupeKey: "moved" });
    equal([(await accounts.get("a")).money, await kv("words").get("moved"), await tx.kv("words").get("moved", "json")], [10, null, 4]);
    return (await inside.get("a")).money;
  });
  equal([left, (await accounts.get("b")).money, await kv("words").get("moved")], [6, 4, "4"]);
  const error = await failure(() => db.transaction(async (tx) => {
    await tx.collection("accounts").deleteMany({});
    await tx.kv("words").delete("moved");
    throw new RangeError("no");
  }));
  equal([error.name, await accounts.countDocuments(), await kv("words").get("moved")], ["RangeError", 2, "4"]);
});
test("a transaction that conflicts runs again", async () => {
  const accounts = db.collection("accounts");
  let runs = 0;
  const add = (often) => db.transaction(async (tx) => {
    runs += 1;
    const { money } = await tx.collection("accounts").get("a");
    if (runs <= often) await accounts.updateOne({ _id: "a" }, { $inc: { money: 100 } });
    await tx.collection("accounts").updateOne({ _id: "a" }, { $set: { money: money + 1 } });
  });
  await add(2);
  equal([runs, (await accounts.get("a")).money], [3, 207]);
  runs = 0;
  const error = await failure(() => add(Infinity));
  equal([runs, error.code], [6, "conflict"]);
});
test("what is over stays over", async () => {
  let kept;
  await db.transaction(async (tx) => {
    kept = tx;
  });
  for (const act of [() => kept.kv("words").get("a"), () => kept.collection("users").countDocuments()]) {
    equal((await failure(act)).message.includes("over"), true);
  }
  const error = await failure(() => db.transaction((tx) => tx.queue("elsewhere").send(1)));
  equal([error.code, error.message.includes("queue:elsewhere:send")], ["denied", true]);
});
test("no key is undefined in a transaction either", async () => {
  for (const act of [(words) => words.put(undefined, "x"), (words) => words.get(), (words) => words.delete(null)]) {
    equal((await failure(() => db.transaction((tx) => act(tx.kv("words"))))).name, "TypeError");
  }
});

export default harness;
