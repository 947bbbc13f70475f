// Runs tables of checks in a guest and answers with how many passed and what failed.

const tests = [];

/** Adds a test; a function that throws or rejects fails it. */
export const test = (name, run) => tests.push({ name, run });

const show = (value) => (value instanceof Error ? `${value.name}: ${value.message}` : JSON.stringify(value));

/** Fails unless both have the same JSON form. */
export function equal(actual, expected, what = "") {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`${what} is ${show(actual)} and not ${show(expected)}`);
  }
}

/** Fails unless the call throws, or its promise rejects with, an error of that name. */
export async function throws(name, run) {
  try {
    await run();
  } catch (error) {
    if (error?.name === name) return;
    throw new Error(`threw ${show(error)} and not a ${name}`);
  }
  throw new Error(`did not throw a ${name}`);
}

/** What the call throws, or its promise rejects with. */
export async function failure(act) {
  try {
    await act();
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

/** The module's default export: a request runs all tests. */
export default {
  async fetch() {
    const failed = [];
    for (const { name, run } of tests) {
      try {
        await run();
      } catch (error) {
        failed.push(`${name}: ${error?.message}`);
      }
    }
    return Response.json({ passed: tests.length - failed.length, failed });
  },
};
