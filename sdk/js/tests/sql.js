// SQL, in our words and in those of D1.

import { SqlError, env, sql } from "ostro";

import harness, { equal, failure, test } from "./harness.js";

const main = sql.database("main");

test("tables, rows and what was done", async () => {
  await main.execute("DROP TABLE IF EXISTS users");
  await main.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, age REAL, photo BLOB)");
  const added = await main.execute("INSERT INTO users (name, age) VALUES (?, ?), ('bob', 2) RETURNING name", ["ann", 1.5]);
  equal([added.rowsAffected, added.lastRowId, added.rows], [2, 2, [{ name: "ann" }, { name: "bob" }]]);
  equal(await main.query("SELECT name, age FROM users ORDER BY id"), [{ name: "ann", age: 1.5 }, { name: "bob", age: 2 }]);
  equal(await main.query("SELECT name FROM users WHERE id = :id OR name = @name", { id: 1, name: "x" }), [{ name: "ann" }]);
  equal((await main.execute("DELETE FROM users WHERE name = $name", { $name: "bob" })).rowsAffected, 1);
});
test("values keep their kind", async () => {
  const long = String(2n ** 62n + 1n);
  const [row] = await main.query("SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, CAST(CAST(? AS INTEGER) AS TEXT) AS f, ? AS g, ? AS h", [
    1, -0.5, "ä", null, true, long, new Uint8Array([0, 255]), 7n,
  ]);
  equal([row.a, row.b, row.c, row.d, row.e, row.h], [1, -0.5, "ä", null, 1, 7]);
  equal([row.f === long, row.g instanceof Uint8Array, Array.from(row.g)], [true, true, [0, 255]]);
  const kinds = "SELECT typeof(?) AS a, typeof(?) AS b, typeof(?) AS c, typeof(?) AS d";
  equal(await main.query(kinds, [5, 5.5, -5n, false]), [{ a: "integer", b: "real", c: "integer", d: "integer" }]);
  for (const [value, name] of [[new Date(), "TypeError"], [undefined, "TypeError"], [{}, "TypeError"], [2n ** 53n, "RangeError"]]) {
    equal((await failure(() => main.query("SELECT ?", [value]))).name, name);
  }
});
test("a batch is whole or not at all", async () => {
  const done = await main.batch([
    ["INSERT INTO users (name) VALUES (?)", ["cem"]],
    main.prepare("UPDATE users SET age = ? WHERE name = ?").bind(9, "cem"),
    "SELECT age FROM users WHERE name = 'cem'",
  ]);
  equal([done.length, done[1].rowsAffected, done[2].results], [3, 1, [{ age: 9 }]]);
  const error = await failure(() => main.batch(["DELETE FROM users", "INSERT INTO users (id, name) VALUES (1, 'x'), (1, 'y')"]));
  equal([error instanceof SqlError, error.name, error.code, error.message.includes("statement 2")], [true, "SqlError", "constraint", true]);
  equal((await main.query("SELECT count(*) AS n FROM users"))[0].n, 2);
});
test("D1's words", async () => {
  const find = env.MAIN.prepare("SELECT id, name FROM users WHERE name = ?");
  equal(await find.bind("ann").first(), { id: 1, name: "ann" });
  equal([await find.bind("ann").first("name"), await find.bind("none").first("name")], ["ann", null]);
  equal((await failure(() => find.bind("ann").first("size"))).code, "invalid");
  const { results, success, meta } = await find.bind("ann").all();
  equal([results, success, meta.changes], [[{ id: 1, name: "ann" }], true, 0]);
  const { meta: run } = await env.MAIN.prepare("INSERT INTO users (name) VALUES (?1)").bind("dot").run();
  equal([run.changes, run.last_row_id], [1, 3]);
  equal(await find.bind("dot").raw(), [[3, "dot"]]);
  equal(await find.bind("dot").raw({ columnNames: true }), [["id", "name"], [3, "dot"]]);
  const names = await env.MAIN.prepare("-- all\nWITH a AS (SELECT name FROM users) SELECT count(*) AS n FROM a").first("n");
  equal(names, 3);
  const gone = await env.MAIN.prepare("WITH a AS (SELECT 3 AS id) DELETE FROM users WHERE id IN (SELECT id FROM a)").run();
  equal([gone.rowsAffected, env.MAIN.name], [1, "main"]);
});
test("rows as arrays are as the statement has them", async () => {
  const raw = (text, options) => env.MAIN.prepare(text).raw(options);
  equal(await raw("SELECT 1 AS id, 2 AS id"), [[1, 2]]);
  equal(await raw("SELECT 'x' AS name, 1"), [["x", 1]]);
  equal(await raw("SELECT 'x' AS name, 1, 2 AS name", { columnNames: true }), [["name", "1", "name"], ["x", 1, 2]]);
  equal(await raw("SELECT name, id FROM users WHERE 0", { columnNames: true }), [["name", "id"]]);
  equal(await raw("SELECT name FROM users WHERE 0"), []);
  equal(await raw("INSERT INTO users (name) VALUES ('raw') RETURNING name, name"), [["raw", "raw"]]);
});
test("a PRAGMA that writes is one", async () => {
  await env.MAIN.prepare("PRAGMA user_version = 7").run();
  equal(await env.MAIN.prepare("PRAGMA user_version").first("user_version"), 7);
  equal((await env.MAIN.prepare("PRAGMA table_info(users)").raw()).map(([, name]) => name), ["id", "name", "age", "photo"]);
  equal((await failure(() => env.MAIN.prepare("PRAGMA journal_mode = DELETE").run())).code, "invalid");
  equal(await sql.database("report").prepare("PRAGMA user_version").first("user_version"), 0);
});
test("what goes wrong is said", async () => {
  for (const [act, code] of [
    [() => main.query("SELEC 1"), "invalid"],
    [() => main.query("DELETE FROM users"), "invalid"],
    [() => main.query("SELECT ?, ?", [1]), "invalid"],
    [() => main.execute("ATTACH 'x' AS y"), "invalid"],
    [() => main.execute("INSERT INTO users (name) VALUES ('ann')"), "constraint"],
  ]) {
    equal((await failure(act)).code, code);
  }
  const error = await failure(() => sql.database("elsewhere").query("SELECT 1"));
  equal([error.code, error.message.includes("sql:elsewhere")], ["denied", true]);
  // Who may only read runs what only reads.
  equal(await sql.database("report").prepare("SELECT 1 AS one").first("one"), 1);
  equal((await failure(() => sql.database("report").execute("SELECT 1"))).code, "denied");
});

export default harness;
