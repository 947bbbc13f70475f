// The chat example in Chromium: `node chat.mjs URL FOLDER`. Pictures of the page go into the folder.
import { join } from "node:path";

import { must, until, withBrowser } from "./browser.mjs";

const [url, folder] = process.argv.slice(2);

const enter = async (page, name) => {
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Enter" }).click();
  await page.locator("#talk").waitFor();
};
const say = async (page, text) => {
  await page.getByLabel("Message").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
};
const heard = (page) => page.locator("#messages li").allInnerTexts().then((all) => all.map((text) => text.replace("\n", ": ")));

await withBrowser(async (open) => {
  const [ann, bob, cleo] = [await open(url), await open(url), await open(`${url}#kitchen`)];
  await enter(ann, "Ann");
  await enter(bob, "Bob");
  await enter(cleo, "Cleo");
  await say(ann, "Is anybody there?");
  await until("what one says the other hears", () => heard(bob), ["Ann: Is anybody there?"]);
  await say(bob, "<b>I am</b>");
  await until("as it was written", () => heard(ann), ["Ann: Is anybody there?", "Bob: <b>I am</b>"]);
  must("whose it is, is seen", (await ann.locator("li.own").count()) === 1);
  await say(cleo, "Quiet here");
  await until("another room is another room", () => heard(cleo), ["Cleo: Quiet here"]);
  must("and nobody else hears it", (await heard(ann)).length === 2);
  await bob.getByLabel("Message").pressSequentially("Hm");
  await until("that one is typing is seen", () => ann.locator("#typing").innerText(), "Bob is typing …");
  const hint = (page) => page.locator("#typing").innerText();
  must("not by whoever types, and not in another room", !(await hint(bob)).includes("Bob") && (await hint(cleo)) === "");
  const sayAll = async (page, texts) => {
    for (const text of texts) await say(page, text);
  };
  await Promise.all([sayAll(ann, ["2", "4"]), sayAll(bob, ["1", "3", "5"])]);
  await until("what two write at once is there", async () => (await heard(ann)).length, 7);
  await until("and both see the same", async () => JSON.stringify(await heard(ann)) === JSON.stringify(await heard(bob)), true);
  await ann.screenshot({ path: join(folder, "chat.png") });
});
