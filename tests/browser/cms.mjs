// The cms example in Chromium: `node cms.mjs URL FOLDER`. Pictures of the page go into the folder.
import { join } from "node:path";

import { must, until, withBrowser } from "./browser.mjs";

const [url, folder] = process.argv.slice(2);
const password = "correct horse battery";

const enter = async (page, email, way) => {
  await page.getByRole("link", { name: "Sign in" }).click();
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: way, exact: true }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
};
const titles = (page) => page.locator("main li a").allTextContents();
const at = (path) => new URL(path, url).href;
const status = async (page, path) => (await page.goto(at(path))).status();
const press = (page, name) => Promise.all([page.waitForNavigation(), page.getByRole("button", { name, exact: true }).click()]);

await withBrowser(async (open) => {
  const [eve, wim, rita] = [await open(url), await open(url), await open(url)];
  await enter(wim, "wim@example.com", "Sign up");
  must("who has no role sees no desk", (await wim.getByRole("link", { name: "Write" }).count()) === 0);
  must("nor gets there by its address", (await status(wim, "/write")) === 403);

  await enter(eve, "eve@example.com", "Sign in");
  await eve.getByRole("link", { name: "People" }).click();
  const row = eve.locator("form.person", { hasText: "wim@example.com" });
  await row.getByLabel("writer").check();
  await Promise.all([eve.waitForNavigation(), row.getByRole("button", { name: "Set" }).click()]);
  must("an editor makes somebody a writer", await row.getByLabel("writer").isChecked());

  await until("who may write then", () => status(wim, "/write"), 200);
  await wim.getByLabel("Title").fill("Rain & <sun>");
  await wim.getByLabel("Text").fill("It rained.\n\nThen it did <b>not</b>.");
  await press(wim, "Save");
  must("a writer's draft is there", wim.url() === at("/write/rain-sun"));
  must("and it is not for the writer to publish", (await wim.getByRole("button", { name: "Publish" }).count()) === 0);
  await wim.goto(at("/articles/rain-sun"));
  must("the writer reads it", (await wim.locator("article h1").textContent()) === "Rain & <sun>");
  await rita.goto(url);
  must("nobody else does", (await titles(rita)).length === 0 && (await status(rita, "/articles/rain-sun")) === 404);
  must("who is nobody gets no desk", (await status(rita, "/write")) === 401);

  await eve.goto(at("/write/rain-sun"));
  await press(eve, "Publish");
  await rita.goto(url);
  must("an editor publishes, and everybody reads", (await titles(rita)).join() === "Rain & <sun>");
  await rita.getByRole("link", { name: "Rain & <sun>" }).click();
  await until("as it was written", () => rita.locator("article p").allTextContents(), ["It rained.", "Then it did <b>not</b>."]);
  await wim.goto(at("/write/rain-sun"));
  await wim.getByLabel("Text").fill("It never rained.");
  await press(wim, "Save");
  must("what is published is not for the writer to change", (await wim.locator("h1").textContent()) === "That is not yours to do");

  const cookies = await eve.context().cookies();
  must("no script sees the session", cookies.every(({ httpOnly }) => httpOnly) && (await eve.evaluate(() => document.cookie)) === "");
  // A form of another site posts in nobody's name.
  const foreign = await eve.context().newPage();
  await foreign.goto(at("/").replace("cms.", "elsewhere."));
  await foreign.setContent(`<form method="post" action="${at("/write/rain-sun")}"><input name="status" value="removed"><button>Win</button></form>`);
  await press(foreign, "Win");
  must("a form of another site changes nothing", (await status(rita, "/articles/rain-sun")) === 200);
  await eve.goto(at("/articles/rain-sun"));
  await eve.screenshot({ path: join(folder, "cms.png") });

  await eve.getByRole("button", { name: "Sign out" }).click();
  await eve.getByRole("link", { name: "Sign in" }).waitFor();
  must("who has signed out is nobody", (await status(eve, "/people")) === 401);
});
