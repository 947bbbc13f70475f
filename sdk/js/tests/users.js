// The caller, and accounts where the manifest turns nothing on: what is given, and what goes wrong.

import { UsersError, db, identity, storage, users } from "ostro";

import harness, { equal, failure, test } from "./harness.js";

test("nobody calls", () => {
  equal({ ...identity }, { caller: "nobody", user: null, roles: [], isAnonymous: false });
});
test("what is forgotten is nobody's id", async () => {
  for (const act of [
    () => users.get(),
    () => users.signOut(null),
    () => users.delete(undefined),
    () => users.setDisabled("id"),
    () => users.setRoles("id"),
    () => users.setRoles("id", "editor"),
    () => users.setRoles("id", ["editor", undefined]),
    () => users.signIn("ann@example.com"),
    () => users.signUp(undefined, "correct horse"),
    () => users.refresh(),
    () => users.signInExternal("wechat"),
    () => users.signInExternal("wechat", "ann", { link: undefined }),
    () => users.signInExternal("wechat", "ann", { lnk: "id" }),
    () => users.list({ mail: "ann" }),
  ]) {
    equal((await failure(act)).name, "TypeError", act);
  }
});
test("what goes wrong is said", async () => {
  const off = await failure(() => users.signInExternal("wechat", "ann"));
  equal([off instanceof UsersError, off.name, off.code], [true, "UsersError", "not-enabled"]);
  const denied = await failure(() => users.delete("01999999-0000-7000-8000-000000000000"));
  equal([denied.code, denied.message.includes("users:write")], ["denied", true]);
  equal((await failure(() => users.list({ limit: 0 }))).code, "invalid");
  equal([await users.get("no id"), await users.list()], [null, { users: [] }]);
});
test("what is opened as the caller is not misspelt", async () => {
  for (const options of [{}, null, { as: "user" }, { as: undefined }, { As: "caller" }, { as: "caller", sort: 1 }]) {
    equal((await failure(() => db.collection("notes", options))).name, "TypeError", options);
    equal((await failure(() => storage.bucket("files", options))).name, "TypeError", options);
  }
  const inside = await failure(() => db.transaction((tx) => tx.collection("notes", { as: "caller" }).get("a")));
  equal(inside.name, "TypeError");
  equal((await failure(() => db.collection("notes", { as: "caller" }).get("a"))).code, "denied");
  equal((await failure(() => storage.bucket("files", { as: "caller" }).head("a"))).code, "denied");
});

export default harness;
