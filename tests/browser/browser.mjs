// Chromium as people have it, with nothing of its own going out, and waits that say what they waited for.
import { chromium } from "playwright-core";

const QUIET = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** Runs `work` with a function that opens a window of somebody: nothing is shared between two of them. */
export async function withBrowser(work) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: QUIET });
  const faults = [];
  const open = async (url) => {
    const context = await browser.newContext({ viewport: { width: 720, height: 640 } });
    context.setDefaultTimeout(30_000);
    const page = await context.newPage();
    page.on("pageerror", (error) => faults.push(String(error)));
    await page.goto(url);
    return page;
  };
  try {
    await work(open);
  } finally {
    await browser.close();
  }
  if (faults.length > 0) throw new Error(`a page has failed: ${faults.join("; ")}`);
}

/** Waits until `look` gives what is expected. */
export async function until(what, look, expected) {
  const wanted = JSON.stringify(expected);
  let seen;
  for (const end = Date.now() + 30_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 50))) {
    seen = JSON.stringify(await look());
    if (seen === wanted) return console.log(`ok  ${what}`);
  }
  throw new Error(`${what}: expected ${wanted}, saw ${seen}`);
}

export function must(what, holds) {
  if (!holds) throw new Error(what);
  console.log(`ok  ${what}`);
}
