// What `tests/identity.rs` asks for, as the guest `sdk-script` does in Rust: who calls, and what is seen and done as that caller. A deed
// is JSON, and so is what came of it: what was given, or `{"error": …}`.

import { db, functions, identity, storage, users } from "ostro";

const CALLS = {
  external: ({ provider, subject, id }) => users.signInExternal(provider, subject, id === undefined ? undefined : { link: id }),
  "sign-up": ({ email, password }) => users.signUp(email, password),
  "sign-in": ({ email, password }) => users.signIn(email, password),
  anonymous: () => users.signInAnonymous(),
  refresh: ({ token }) => users.refresh(token),
  get: ({ id }) => users.get(id),
  list: ({ limit, cursor, email }) => users.list({ limit, cursor, email }),
  roles: ({ id, roles }) => users.setRoles(id, roles ?? []),
  disable: ({ id }) => users.setDisabled(id, true),
  enable: ({ id }) => users.setDisabled(id, false),
  "sign-out": ({ id }) => users.signOut(id),
  delete: ({ id }) => users.delete(id),
};

function who() {
  const { caller, user, roles, isAnonymous } = identity;
  const isUser = caller === "user";
  return { caller, user, roles: isUser ? roles : null, anonymous: isUser ? isAnonymous : null };
}

/** How another function is called: with what would say who it is for, if messages could. */
const call = ({ as }) => ({ path: "/people", headers: as === undefined ? {} : { "ostro-user": as, authorization: "Bearer forged" } });

const keep = async () => (await db.collection("kept").insertOne(who())).insertedId;

const OPERATIONS = {
  insert: async (collection, { document }) => (await collection.insertOne(document)).insertedId,
  get: (collection, { id }) => collection.get(id),
  find: (collection, { filter, sort }) => collection.find(filter, { sort }).toArray(),
  count: (collection, { filter }) => collection.countDocuments(filter),
  distinct: (collection, { field, filter }) => collection.distinct(field, filter),
  aggregate: (collection, { pipeline }) => collection.aggregate(pipeline).toArray(),
  update: async (collection, { filter, update }) => (await collection.updateMany(filter, update)).modifiedCount,
  replace: async (collection, { filter, document }) => (await collection.replaceOne(filter, document)).modifiedCount,
  delete: async (collection, { filter }) => (await collection.deleteMany(filter)).deletedCount,
  modify: (collection, { filter, update }) => collection.findOneAndUpdate(filter, update),
};

const operate = (deed, options) => OPERATIONS[deed.operation](db.collection(deed.collection, options), deed);

const bucketOf = (name, by) => (by === "caller" ? storage.bucket(name, { as: by }) : storage.bucket(name));

const stream = (text) => new Blob([text]).stream();

const OBJECTS = {
  put: async (bucket, { key, content, metadata, owner }) => (await bucket.put(key, content, { metadata, owner })).owner,
  upload: async (bucket, { key, content, metadata, owner }) => (await bucket.put(key, stream(content), { metadata, owner })).owner,
  get: async (bucket, { key }) => (await bucket.get(key))?.text(),
  head: async (bucket, { key }) => (await bucket.head(key))?.size,
  range: async (bucket, { key }) => (await bucket.get(key, { range: { offset: 1, length: 2 } }))?.text(),
  list: async (bucket, { prefix }) => (await bucket.list({ prefix })).objects.map(({ key }) => key),
  delete: (bucket, { key }) => bucket.delete(key),
  copy: async (bucket, { key, to, to_as, to_key, owner }) => (await bucket.copy(key, to_key, { bucket: bucketOf(to, to_as), owner }))?.owner,
  sign: (bucket, { key, method, expires = 60 }) => bucket.signedUrl(key, { method, expiresIn: expires }),
};

const DEEDS = {
  who,
  keep,
  kept: () => db.collection("kept").find().sort({ _id: 1 }).toArray(),
  call: (deed) => functions.invoke(deed.function, deed.input, call(deed)),
  send: (deed) => functions.send(deed.function, deed.input, { path: "/people" }),
  users: (deed) => CALLS[deed.call](deed),
  function: (deed) => operate(deed),
  caller: (deed) => operate(deed, { as: "caller" }),
  objects: (deed) => OBJECTS[deed.operation](bucketOf(deed.bucket, deed.as), deed),
};

/** An error as the guest in Rust shows it: `NotEnabled("…")`. */
function shown({ code, name, message }) {
  const words = code === undefined ? name : code.replace(/(^|-)(\w)/g, (_, dash, letter) => letter.toUpperCase());
  return `${words}(${JSON.stringify(message)})`;
}

async function answer(text) {
  let deed = null;
  try {
    deed = JSON.parse(text);
  } catch {
    // What is no deed comes back.
  }
  if (typeof deed?.do !== "string") return new Response(text);
  try {
    return Response.json((await DEEDS[deed.do](deed)) ?? null);
  } catch (error) {
    return Response.json({ error: shown(error) });
  }
}

export default {
  fetch: async (request) => answer(await request.text()),
  queue: keep,
};
