// The todo example in Chromium: `node todo.mjs URL FOLDER`. Pictures of the page go into the folder.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { must, until, withBrowser } from "./browser.mjs";

const [url, folder] = process.argv.slice(2);
const BYTES = 12 << 20;
const password = "correct horse battery";

const account = async (page, email, way) => {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: way, exact: true }).click();
  await page.locator("#list").waitFor();
};
const add = async (page, text) => {
  await page.getByPlaceholder("What is to be done?").fill(text);
  await page.getByRole("button", { name: "Add" }).click();
};
const texts = (page) => page.locator("li .text").allTextContents();
const row = (page, text) => page.locator("li", { hasText: text });

await withBrowser(async (open) => {
  const ann = await open(url);
  await ann.screenshot({ path: join(folder, "todo-signed-out.png") });
  await account(ann, "ann@example.com", "Sign up");
  await add(ann, "Milk");
  await add(ann, "Bread");
  await until("what is added is there", () => texts(ann), ["Milk", "Bread"]);

  // The same account elsewhere.
  const phone = await open(url);
  await account(phone, "ann@example.com", "Sign in");
  await until("it is there in another browser", () => texts(phone), ["Milk", "Bread"]);
  await add(phone, "Nails");
  await until("what the other browser adds comes by itself", () => texts(ann), ["Milk", "Bread", "Nails"]);

  await row(ann, "Milk").locator(".text").fill("Oat milk");
  await row(ann, "Oat milk").locator(".text").press("Enter");
  await until("an edit comes by itself", () => texts(phone), ["Oat milk", "Bread", "Nails"]);
  await row(phone, "Bread").getByLabel("Done").check();
  await until("so does what is done", () => ann.locator("li.done .text").allTextContents(), ["Bread"]);

  const file = join(folder, "receipt.bin");
  const content = Buffer.from(Array.from({ length: 1 << 10 }, (_, place) => place % 251));
  writeFileSync(file, Buffer.concat(Array.from({ length: BYTES / content.length }, () => content)));
  await ann.evaluate(() => {
    window.progress = [];
    const bar = document.querySelector("li progress");
    new MutationObserver(() => window.progress.push(bar.value)).observe(bar, { attributes: true });
  });
  await row(ann, "Oat milk").locator("[type=file]").setInputFiles(file);
  await until("a file is attached, and the other browser knows", () => row(phone, "Oat milk").locator(".file").allTextContents(), ["receipt.bin"]);
  const progress = await ann.evaluate(() => window.progress);
  must(`its progress was shown (${progress.map((value) => value.toFixed(2)).join(" ")})`, progress.some((value) => value > 0 && value < 1));
  const [shown] = await Promise.all([
    phone.context().waitForEvent("response", (response) => response.url().includes("/_ostro/objects/")),
    row(phone, "Oat milk").locator(".file").click(),
  ]);
  must("the file comes back", shown.status() === 200 && shown.headers()["content-length"] === String(BYTES));
  await ann.screenshot({ path: join(folder, "todo.png") });

  const bob = await open(url);
  await account(bob, "bob@example.com", "Sign up");
  await add(bob, "Beer");
  await until("somebody else has a list of his own", () => texts(bob), ["Beer"]);
  await row(phone, "Nails").getByLabel("Remove").click();
  await until("what is removed goes everywhere", () => texts(ann), ["Oat milk", "Bread"]);
  must("and nobody has seen another one's", (await texts(bob)).join() === "Beer" && !(await texts(ann)).includes("Beer"));

  await ann.getByRole("button", { name: "Sign out" }).click();
  await ann.locator("#account").waitFor();
  must("whoever signs out sees nothing any more", (await texts(ann)).length === 0);
  await ann.reload();
  await ann.locator("#account").waitFor();
  must("also after a reload", await ann.locator("#list").isHidden());
  await add(phone, "Salt");
  await until("the other browser goes on", () => texts(phone), ["Oat milk", "Bread", "Salt"]);
});
