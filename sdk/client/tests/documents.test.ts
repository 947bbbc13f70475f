// What the methods of collections and the words of the chain become on their way, and what comes back.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { type Client, OstroError, _ } from "../src/index.ts";
import { type Server, jsonOf, refuse, serve } from "./server.ts";

const ANSWERS: Record<string, unknown> = {
  find: { documents: [{ _id: "a" }] },
  get: { document: { _id: "a" } },
  insert: { ids: ["a"] },
  update: { matched: 2, modified: 1 },
  replace: { matched: 0, modified: 0, upserted: "z" },
  delete: { deleted: 2 },
  count: { count: 7 },
  distinct: { values: ["x"] },
  aggregate: { documents: [{ sum: 1 }] },
  "find-and-modify": { document: null },
};

const answering = (t: TestContext): Promise<Server> =>
  serve(t, { "db/things/": ({ path }) => ANSWERS[path.split("/").at(-1) ?? ""], batch: () => ({}) });

type Things = ReturnType<Client["db"]["collection"]>;

/** One row: what is called, the operation and body that it becomes, and what it gives. */
type Row = [call: (things: Things) => Promise<unknown>, operation: string, body: unknown, gives: unknown];

async function check(t: TestContext, rows: Row[]): Promise<void> {
  const server = await answering(t);
  const things = server.client().db.collection("things");
  for (const [call, operation, body, gives] of rows) {
    const given = await call(things);
    const asked = server.asked.at(-1);
    assert.equal(asked?.path, `db/things/${operation}`, String(call));
    assert.deepEqual(jsonOf(asked), body, String(call));
    assert.deepEqual(given, gives, String(call));
  }
}

test("the methods of the driver", (t) =>
  check(t, [
    [(c) => c.insertOne({ a: 1 }), "insert", { documents: [{ a: 1 }] }, { insertedId: "a" }],
    [(c) => c.insertMany([{ a: 1 }, { _id: "b" }]), "insert", { documents: [{ a: 1 }, { _id: "b" }] }, { insertedIds: ["a"], insertedCount: 1 }],
    [(c) => c.get("a"), "get", { id: "a" }, { _id: "a" }],
    [(c) => c.get("a", { fields: { n: 1 } }), "get", { id: "a", fields: { n: 1 } }, { _id: "a" }],
    [(c) => c.findOne({ a: { $gt: 1 } }, { sort: { a: -1 }, projection: { a: 1 } }), "find", { filter: { a: { $gt: 1 } }, sort: { a: -1 }, fields: { a: 1 }, limit: 1 }, { _id: "a" }],
    [(c) => c.find({ n: /^a/i }).sort("n", -1).skip(2).limit(3).project({ n: 1 }).toArray(), "find", { filter: { n: { $regex: "^a", $options: "i" } }, sort: { n: -1 }, skip: 2, limit: 3, fields: { n: 1 } }, [{ _id: "a" }]],
    [(c) => c.countDocuments({ a: null }, { limit: 9 }), "count", { filter: { a: null }, limit: 9 }, 7],
    [(c) => c.distinct("a", { b: 1 }), "distinct", { field: "a", filter: { b: 1 } }, ["x"]],
    [(c) => c.aggregate([{ $match: { a: 1 } }]).toArray(), "aggregate", { pipeline: [{ $match: { a: 1 } }] }, [{ sum: 1 }]],
    [(c) => c.updateOne({ a: 1 }, { $set: { b: 2, c: undefined } }), "update", { filter: { a: 1 }, update: { $set: { b: 2 } } }, { matchedCount: 2, modifiedCount: 1, upsertedCount: 0, upsertedId: null }],
    [(c) => c.updateMany({}, { $inc: { b: 2 } }, { upsert: true }), "update", { filter: {}, update: { $inc: { b: 2 } }, many: true, upsert: true }, { matchedCount: 2, modifiedCount: 1, upsertedCount: 0, upsertedId: null }],
    [(c) => c.replaceOne({ _id: "z" }, { a: 1 }, { upsert: true }), "replace", { filter: { _id: "z" }, document: { a: 1 }, upsert: true }, { matchedCount: 0, modifiedCount: 0, upsertedCount: 1, upsertedId: "z" }],
    [(c) => c.deleteOne({ a: 1 }, { sort: { a: 1 } }), "delete", { filter: { a: 1 }, sort: { a: 1 } }, { deletedCount: 2 }],
    [(c) => c.deleteMany({ a: 1 }), "delete", { filter: { a: 1 }, many: true }, { deletedCount: 2 }],
    [(c) => c.findOneAndUpdate({ a: 1 }, { $set: { a: 2 } }, { returnDocument: "after", upsert: true }), "find-and-modify", { filter: { a: 1 }, update: { $set: { a: 2 } }, returning: "after", upsert: true }, null],
    [(c) => c.findOneAndReplace({ a: 1 }, { a: 2 }), "find-and-modify", { filter: { a: 1 }, document: { a: 2 }, returning: "before" }, null],
    [(c) => c.findOneAndDelete({ a: 1 }, { sort: { a: 1 } }), "find-and-modify", { filter: { a: 1 }, delete: true, sort: { a: 1 }, returning: "before" }, null],
  ]));

const found = { data: [{ _id: "a" }] };
/** What `where` with these conditions asks for. */
const where = (conditions: object, filter: unknown): Row => [(c) => c.where(conditions).get(), "find", { filter, limit: 100 }, found];

test("the chain asks in MongoDB's words", (t) =>
  check(t, [
    [(c) => c.where({ age: _.gt(18) }).orderBy("age", "desc").limit(10).get(), "find", { filter: { age: { $gt: 18 } }, sort: [["age", -1]], limit: 10 }, found],
    [(c) => c.orderBy("a").orderBy("b", "desc").skip(5).field({ a: true }).get(), "find", { filter: {}, sort: [["a", 1], ["b", -1]], skip: 5, fields: { a: true }, limit: 100 }, found],
    [(c) => c.get(), "find", { filter: {}, limit: 100 }, found],
    where({ a: 1, b: "x" }, { a: 1, b: "x" }),
    where({ address: { city: "Rome", zip: _.exists(true) } }, { "address.city": "Rome", "address.zip": { $exists: true } }),
    where({ a: { $gt: 1 }, b: {} }, { a: { $gt: 1 }, b: {} }),
    where({ a: _.gt(1).and(_.lt(5)) }, { $and: [{ a: { $gt: 1 } }, { a: { $lt: 5 } }] }),
    where({ a: _.lt(1).or(_.gt(5), _.eq(3)) }, { $or: [{ a: { $lt: 1 } }, { a: { $gt: 5 } }, { a: { $eq: 3 } }] }),
    where({ a: _.or([1, 2]), b: 1 }, { $or: [{ a: 1 }, { a: 2 }], b: 1 }),
    where(_.or({ a: 1, b: 2 }, { c: _.in([3]) }), { $or: [{ a: 1, b: 2 }, { c: { $in: [3] } }] }),
    where(_.and([{ a: 1 }, { a: _.neq(2) }]), { $and: [{ a: 1 }, { a: { $ne: 2 } }] }),
    where({ a: _.or(1, 2), b: _.or(3, 4) }, { $and: [{ $or: [{ a: 1 }, { a: 2 }] }, { $or: [{ b: 3 }, { b: 4 }] }] }),
    where({ a: _.not(_.gte(5)) }, { $nor: [{ a: { $gte: 5 } }] }),
    where({ a: _.nor(1, 2) }, { $nor: [{ a: 1 }, { a: 2 }] }),
    where({ a: _.nin([1]), b: _.mod(3, 1), c: _.size(2), d: _.all(["x"]), e: _.lte(1) }, { a: { $nin: [1] }, b: { $mod: [3, 1] }, c: { $size: 2 }, d: { $all: ["x"] }, e: { $lte: 1 } }),
    where({ items: _.elemMatch({ n: _.gt(1), of: { kind: "a" } }) }, { items: { $elemMatch: { n: { $gt: 1 }, "of.kind": "a" } } }),
    where({ items: _.elemMatch(_.gt(1).and(_.lt(3))) }, { items: { $elemMatch: { $gt: 1, $lt: 3 } } }),
    where({ at: new Date(5), by: null }, { at: { $date: 5 }, by: null }),
    [(c) => c.where({ a: 1 }).where({ a: 2 }).get(), "find", { filter: { $and: [{ a: 1 }, { a: 2 }] }, limit: 100 }, found],
    [(c) => c.find({ a: _.gt(1) as never }).limit(1).toArray(), "find", { filter: { a: { $gt: 1 } }, limit: 1 }, [{ _id: "a" }]],
    [(c) => c.where({ a: 1 }).count(), "count", { filter: { a: 1 } }, { total: 7 }],
    [(c) => c.count(), "count", { filter: {} }, { total: 7 }],
    [(c) => c.doc("a").get(), "get", { id: "a" }, { data: { _id: "a" } }],
  ]));

/** What an update of these changes says. */
const update = (changes: object, said: unknown): Row => [(c) => c.doc("a").update(changes), "update", { filter: { _id: "a" }, update: said }, { updated: 1, matched: 2 }];

test("the chain changes in MongoDB's words", (t) =>
  check(t, [
    update({ a: 1, b: { c: 2, d: [1] } }, { $set: { a: 1, "b.c": 2, "b.d": [1] } }),
    update({ a: _.set({ x: 1 }), b: {}, c: undefined, d: null }, { $set: { a: { x: 1 }, b: {}, d: null } }),
    update({ a: _.inc(1), b: _.mul(2), c: _.min(3), d: _.max(4), e: _.remove(), f: _.rename("g"), h: _.currentDate() }, { $inc: { a: 1 }, $mul: { b: 2 }, $min: { c: 3 }, $max: { d: 4 }, $unset: { e: "" }, $rename: { f: "g" }, $currentDate: { h: true } }),
    update({ s: { n: _.inc(1) } }, { $inc: { "s.n": 1 } }),
    update({ a: _.push(1) }, { $push: { a: { $each: [1] } } }),
    update({ a: _.push([1, 2]) }, { $push: { a: { $each: [1, 2] } } }),
    update({ a: _.push({ each: [1], position: 0, slice: 5, sort: 1 }) }, { $push: { a: { $each: [1], $position: 0, $slice: 5, $sort: 1 } } }),
    update({ a: _.unshift([1, 2]) }, { $push: { a: { $each: [1, 2], $position: 0 } } }),
    update({ a: _.pop() }, { $pop: { a: 1 } }),
    update({ a: _.shift() }, { $pop: { a: -1 } }),
    update({ a: _.addToSet("x"), b: _.addToSet({ $each: ["x"] }) }, { $addToSet: { a: "x", b: { $each: ["x"] } } }),
    update({ a: _.pull("x"), b: _.pull(_.gt(3)), c: _.pullAll([1]) }, { $pull: { a: "x", b: { $gt: 3 } }, $pullAll: { c: [1] } }),
    update({ $inc: { a: 1 } }, { $inc: { a: 1 } }),
    [(c) => c.where({ a: 1 }).update({ b: 2 }), "update", { filter: { a: 1 }, update: { $set: { b: 2 } }, many: true }, { updated: 1, matched: 2 }],
    [(c) => c.where({ a: 1 }).remove(), "delete", { filter: { a: 1 }, many: true }, { deleted: 2 }],
    [(c) => c.doc("a").set({ b: { c: 1 } }), "replace", { filter: { _id: "a" }, document: { b: { c: 1 } }, upsert: true }, { updated: 0, upsertedId: "z" }],
    [(c) => c.doc("a").remove(), "delete", { filter: { _id: "a" } }, { deleted: 2 }],
    [(c) => c.add({ b: 1 }), "insert", { documents: [{ b: 1 }] }, { id: "a" }],
  ]));

test("what would mean everything, or nothing, is not sent", async (t) => {
  const server = await answering(t);
  const things = server.client().db.collection("things");
  const wrong: (() => unknown)[] = [
    () => things.deleteMany(undefined as never),
    () => things.deleteMany(null as never),
    () => things.deleteMany([] as never),
    () => things.deleteMany({ owner: undefined } as never),
    () => things.updateMany({ a: { b: [undefined] } } as never, { $set: { a: 1 } }),
    () => things.updateOne({}, { a: 1 } as never),
    () => things.updateOne({}, { $inc: { a: undefined } }),
    () => things.get(undefined as never),
    () => things.doc(undefined as never).remove(),
    () => things.where({ a: _.gt(undefined) }).get(),
    () => things.where({ a: { b: undefined } }).remove(),
    () => things.where(_.gt(1)).get(),
    () => things.where(undefined as never).get(),
    () => things.where({ a: _.elemMatch(_.or(_.gt(1), _.lt(0))) }).get(),
    () => things.limit(5).remove(),
    () => things.orderBy("a").where({ a: 1 }).remove(),
    () => things.insertOne([] as never),
    () => things.insertOne({ n: _.inc(1) }),
    () => things.insertOne({ all: new Set() }),
  ];
  for (const call of wrong) await assert.rejects(async () => call(), TypeError, String(call));
  assert.equal(server.asked.length, 0);
});

test("values go and come as they are", async (t) => {
  let stored: unknown;
  const server = await serve(t, {
    "db/a/insert": ({ body }) => ((stored = (JSON.parse(String(body)) as { documents: unknown[] }).documents[0]), { ids: ["a"] }),
    "db/a/get": (_asked, response) => void response.end(`{"document":${JSON.stringify(stored)}}`),
    "db/b/get": (_asked, response) => void response.end('{"document":{"n":9007199254740993,"s":"9007199254740993","d":{"$date":"2026-01-31T12:00:00.000Z"},"small":5}}'),
  });
  const { db } = server.client();
  const values = { date: new Date(1234), bytes: new Uint8Array([0, 255]), big: 2n ** 62n, small: 5n, huge: 2 ** 60, inf: -Infinity, list: [1, null, new Date(0)], map: new Map([["k", 1]]) };
  await db.collection("a").insertOne(values);
  assert.deepEqual(stored, {
    date: { $date: 1234 }, bytes: { $binary: { base64: "AP8=", subType: "00" } }, big: { $numberLong: "4611686018427387904" }, small: { $numberLong: "5" },
    huge: { $numberDouble: "1152921504606847000" }, inf: { $numberDouble: "-Infinity" }, list: [1, null, { $date: 0 }], map: { k: 1 },
  });
  assert.deepEqual(await db.collection("a").get("a"), { ...values, small: 5, map: { k: 1 } });
  assert.deepEqual(await db.collection("b").get("b"), { n: 9007199254740993n, s: "9007199254740993", d: new Date("2026-01-31T12:00:00Z"), small: 5 });
});

test("a cursor asks page by page", async (t) => {
  const all = Array.from({ length: 250 }, (_value, at) => ({ _id: String(at) }));
  const server = await serve(t, {
    "db/a/find"({ body }) {
      const { limit, cursor = "0", skip = 0 } = JSON.parse(String(body)) as { limit: number; cursor?: string; skip?: number };
      const from = Number(cursor ?? 0) + skip;
      const documents = all.slice(from, from + Math.min(limit, 80));
      return { documents, ...(from + documents.length < all.length && { cursor: String(from + documents.length) }) };
    },
  });
  const things = server.client().db.collection("a");
  assert.deepEqual(await things.find().toArray(), all);
  assert.deepEqual(await things.find().skip(10).limit(200).toArray(), all.slice(10, 210));
  const walked: string[] = [];
  for await (const { _id } of things.find().limit(100)) walked.push(_id);
  assert.deepEqual(walked, all.slice(0, 100).map(({ _id }) => _id));
  const page = things.find().limit(20).after(null);
  assert.equal(await page.hasNext(), true);
  assert.throws(() => page.cursor, TypeError);
  assert.throws(() => page.sort({ a: 1 }), TypeError);
  assert.equal((await page.toArray()).length, 20);
  assert.deepEqual(await things.find().limit(1).after(page.cursor).next(), { _id: "20" });
  const last = things.find().after("249");
  assert.equal((await last.toArray()).length, 1);
  assert.equal(last.cursor, undefined);
});

test("a batch is one request, and tells of each operation", async (t) => {
  const server = await serve(t, {
    batch: () => ({ results: [{ status: 200, body: { ids: ["n"] } }, { status: 403, body: { code: "forbidden", detail: "no" } }, { status: 200, body: { document: { at: { $date: 5 } } } }] }),
  });
  const { db } = server.client();
  const [made, refused, got] = await db.batch((in_) => [
    in_.collection("a").insertOne({ x: 1 }),
    in_.collection("b").where({ y: 1 }).remove(),
    in_.collection("c").get("z"),
  ]);
  assert.deepEqual(made, { status: "fulfilled", value: { insertedId: "n" } });
  assert.ok(refused.status === "rejected" && refused.reason instanceof OstroError && refused.reason.code === "forbidden");
  assert.deepEqual(got, { status: "fulfilled", value: { at: new Date(5) } });
  assert.deepEqual(jsonOf(server.asked[0]), {
    operations: [
      { collection: "a", operation: "insert", body: { documents: [{ x: 1 }] } },
      { collection: "b", operation: "delete", body: { filter: { y: 1 }, many: true } },
      { collection: "c", operation: "get", body: { id: "z" } },
    ],
  });
  assert.equal(server.asked.length, 1);
  let late: Promise<unknown> | undefined;
  const failing = await serve(t, { batch: (_asked, response) => refuse(response, 503, "busy") });
  await assert.rejects(failing.client().db.batch((in_) => {
    setTimeout(() => (late = in_.collection("a").get("x").catch((error: unknown) => error)));
    return [in_.collection("a").insertOne({})];
  }), { code: "busy" });
  assert.equal(failing.asked.length, 1);
  assert.ok((await late) instanceof TypeError);
});
