// The app of `examples/mini-program` where `wx` is what this says: `node mini-program-app.mjs ADDRESS HOST`. It prints what came of it as JSON.
import { request } from "node:http";
import { createRequire } from "node:module";

const [address, host] = process.argv.slice(2);
const [hostname, port] = address.split(":");
const [kept, asked] = [new Map(), []];
let codes = 0;

globalThis.wx = {
  getStorageSync: (name) => kept.get(name) ?? "",
  setStorageSync: (name, value) => kept.set(name, structuredClone(value)),
  login: async () => ({ code: `ann-${++codes}` }),
  request({ url, method, data, header, success, fail }) {
    const { pathname } = new URL(url);
    asked.push(pathname);
    const sent = request({ hostname, port, path: pathname, method, headers: { ...header, host } }, async (answer) => {
      let text = "";
      for await (const chunk of answer) text += chunk;
      success({ statusCode: answer.statusCode, data: JSON.parse(text) });
    });
    sent.on("error", fail).end(JSON.stringify(data));
  },
};
const open = () => createRequire(import.meta.url)("../../examples/mini-program/app/ostro.js")(`http://${host}`);
const nickname = async (app, data) => (await app.invoke("user-info", data)).nickname;
const told = {};

let app = open();
told.first = await nickname(app, { nickname: "Ann" });
told.codes = codes;
// The app was closed, and its access token has ended meanwhile.
kept.set("ostro.session", { ...kept.get("ostro.session"), access_token: "ended" });
app = open();
told.together = await Promise.all([nickname(app), nickname(app), nickname(app)]);
kept.set("ostro.session", { ...kept.get("ostro.session"), access_token: "ended" });
asked.length = 0;
told.afterRenewal = await nickname(open());
told.renewals = asked.filter((path) => path.endsWith("auth/refresh")).length;
told.codesThen = codes;
// Nothing of the session is good any more.
kept.set("ostro.session", { ...kept.get("ostro.session"), access_token: "ended", refresh_token: "ended" });
told.afterTheEnd = await nickname(open());
told.codesInTheEnd = codes;
told.refused = await open().invoke("not-there").catch(({ code }) => code);
console.log(JSON.stringify(told));
