// What compiles, and what must not, with a schema that `ostro-client-types` has made of `schema.json`. Never run.

import { type OstroError, createClient, localStore } from "../src/index.ts";
import type { Schema, Users } from "../dist/schema.d.ts";

const client = createClient<Schema>("https://shop.example.com", { tokens: localStore() });

export async function documents(): Promise<unknown[]> {
  const users = client.db.collection("users");
  // @ts-expect-error: there is no such collection.
  client.db.collection("user");
  await users.insertOne({ name: "Ann", tags: [], born: new Date(), role: "admin", "home address": { city: "Rome" } });
  // @ts-expect-error: a user has a name.
  await users.insertOne({ tags: [] });
  // @ts-expect-error: there is no such role.
  await users.insertOne({ name: "Ann", tags: [], role: "owner" });
  const user = await users.get("ann");
  // @ts-expect-error: there may be none.
  user.name.trim();
  const [id, age]: [string | undefined, number | null | undefined] = [user?._id, user?.age];
  // @ts-expect-error: without a name it would be anybody.
  await users.deleteMany({ name: user?.name });
  const tags: string[][] = await users.distinct("tags");
  // @ts-expect-error: an age is a number.
  await users.updateOne({}, { $set: { age: "3" } });
  const { data } = await users.where({ age: 3 }).get();
  const names: string[] = data.map(({ name }) => name);
  const [made, count] = await client.db.batch((db) => [db.collection("users").insertOne({ name: "a", tags: [] }), db.collection("log-lines").countDocuments()]);
  const total: number = count.status === "fulfilled" ? count.value : 0;
  // @ts-expect-error: it may have been refused.
  made.value.insertedId;
  users.watch({}, { onChange: (change) => (change.type === "delete" ? change.id : change.document.name) });
  users.where({}).watch({ onChange: ({ docs }) => docs.map(({ name }) => name) });
  return [id, age, tags, names, total];
}

export async function untyped(): Promise<void> {
  const anything = createClient("http://localhost:8700");
  const found = await anything.db.collection("whatever").findOne({ a: 1 });
  const field: unknown = found?.["a"];
  const small = await anything.functions.invoke<{ small: string }>("thumbnail", { key: field });
  small.small.trim();
  // @ts-expect-error: streams cannot be sent again.
  await anything.storage.upload(new ReadableStream());
  const sent: Promise<void> = anything.realtime.send("rooms/a", { text: "hello" });
  void sent;
  anything.realtime.channel<{ text: string }>("room", { onMessage: ({ text }) => text.trim(), onError: (error: OstroError) => error.code });
}

export const user: Users = { name: "Ann", tags: ["a"], age: null };
