// Documents, buckets, SQL and functions: what compiles, and what must not.

import {
  type Bucket, type Collection, type Database, type Handlers, type Service,
  DatabaseError, FunctionError, SqlError, StorageError, db, functions, sql, storage,
} from "ostro";

interface User {
  name: string;
  age?: number;
  born?: Date;
  tags: string[];
}

interface Env {
  USERS: Collection<User>;
  PICTURES: Bucket;
  MAIN: Database;
  THUMBNAIL: Service;
}

async function documents(users: Collection<User>): Promise<string[]> {
  const visible: number = await db.collection<User>("users", { as: "caller" }).countDocuments();
  // @ts-expect-error: there is no other way to open one.
  db.collection<User>("users", { as: "Caller" });
  console.log(visible);
  const { insertedId } = await users.insertOne({ name: "ann", tags: [], born: new Date() });
  // @ts-expect-error: a user has a name.
  await users.insertOne({ tags: [] });
  const user = await users.findOne({ name: "ann", "born.year": { $gt: 1 } }, { sort: { age: -1 }, fields: { name: 1 } });
  const id: string | undefined = user?._id;
  // @ts-expect-error: without a name it would be anybody.
  await users.deleteMany({ name: user?.name });
  await users.deleteMany({ name: user?.name ?? null });
  // @ts-expect-error: there may be none.
  user.name.trim();
  for await (const { name } of users.find({ age: { $gt: 18 } }).sort({ age: -1 }).limit(5).project({ name: 1 })) name.trim();
  const tags: string[][] = await users.distinct("tags");
  const sums = await users.aggregate<{ _id: string; sum: number }>([{ $group: { _id: "$name", sum: { $sum: "$age" } } }]).toArray();
  const { upsertedId } = await users.updateOne({ _id: insertedId }, { $set: { age: 3 }, $push: { tags: "a" } }, { upsert: true });
  // @ts-expect-error: an age is a number.
  await users.updateMany({}, { $set: { age: "3" } });
  const after = await users.findOneAndUpdate({ name: "ann" }, { $inc: { age: 1 } }, { returnDocument: "after" });
  const page = users.find().after(null);
  return [id ?? "", upsertedId ?? "", after?.name ?? "", page.cursor ?? "", ...tags.flat(), ...sums.map((one) => one._id)];
}

async function together(): Promise<number> {
  return db.transaction(async (tx) => {
    const stock = await tx.collection<{ left: number }>("stock").get("a");
    await tx.kv("cache").put("a", "b");
    await tx.queue<{ id: string }>("mail").send({ id: "a" }, { delaySeconds: 1 });
    // @ts-expect-error: the body of this queue has an id.
    await tx.queue<{ id: string }>("mail").send({});
    return stock?.left ?? 0;
  }, { retries: 1 });
}

async function objects(bucket: Bucket, request: Request): Promise<Response> {
  const put = await bucket.put("a", request.body, { contentType: "image/png", metadata: { by: "ann" }, ifMatch: "x" });
  const maybe = await bucket.put("a", "text", { onlyIf: { etagDoesNotMatch: "*" } });
  // @ts-expect-error: the condition may not have been met.
  maybe.key.trim();
  const found = await bucket.get(put.key, { range: request.headers, onlyIf: request.headers });
  // @ts-expect-error: there is no such condition.
  await bucket.put("a", "text", { onlyIf: { etagMatch: "x" } });
  if (found === null) return new Response(null, { status: 404 });
  const callers = storage.bucket("photos", { as: "caller" });
  // @ts-expect-error: there is no other way to open one.
  storage.bucket("photos", { as: "user" });
  await callers.put("b", "text", { owner: found.owner });
  const { objects: listed, cursor } = await storage.bucket("other").list({ prefix: "a/" });
  await bucket.copy("a", "b", { bucket: storage.bucket("other") });
  const gone: boolean = await bucket.delete("a");
  const url = new URL(await bucket.signedUrl("a", { method: "PUT", expiresIn: 60, maxBytes: 5 }), request.url);
  // @ts-expect-error: only what is put has a size.
  await bucket.signedUrl("a", { method: "GET", maxBytes: 5 });
  return new Response(found.body, { headers: { etag: found.httpEtag, x: `${listed.length} ${cursor} ${gone} ${url}` } });
}

async function rows(main: Database): Promise<unknown[]> {
  const users = await main.query<{ id: number; name: string }>("SELECT id, name FROM users WHERE id > :id", { id: 3 });
  const { rowsAffected } = await main.execute("DELETE FROM users WHERE id = ?", [users[0]?.id ?? null]);
  const one = await main.prepare("SELECT name FROM users WHERE id = ?").bind(1n).first<string>("name");
  // @ts-expect-error: a date has no form of its own in SQLite.
  main.prepare("SELECT ?").bind(new Date());
  const [done] = await main.batch([main.prepare("SELECT 1"), "SELECT 2", ["SELECT ?", [3]]]);
  return [rowsAffected, one, done?.results, done?.meta.changes];
}

export default {
  async fetch(request, env) {
    try {
      const answer = await env.THUMBNAIL.fetch("https://service/small", { method: "POST", body: "x" });
      const { small } = await functions.invoke<{ small: string }>("thumbnail", { key: "a" }, { path: "/small", timeoutMs: 100 });
      const job: string = await functions.send("thumbnail", { key: "a" }, { delaySeconds: 5 });
      const all = [answer.status, small, job, ...(await documents(env.USERS)), await together(), ...(await rows(env.MAIN))];
      console.log(all, sql.database("main").name);
      return await objects(env.PICTURES, request);
    } catch (error) {
      if (error instanceof DatabaseError && error.code === "conflict") return new Response(null, { status: 409 });
      // @ts-expect-error: there is no such code.
      if (error instanceof SqlError && error.code === "conflict") return new Response(null, { status: 409 });
      if (error instanceof StorageError && error.code === "changed") return new Response(null, { status: 412 });
      if (error instanceof FunctionError) return Response.json(error.body, { status: error.status });
      throw error;
    }
  },
} satisfies Handlers<Env>;
