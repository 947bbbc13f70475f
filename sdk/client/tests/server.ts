// A server that speaks the client API as far as a test says, on a port of its own, and remembers what it was asked.

import { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

import { type Client, type ClientOptions, type User, createClient } from "../src/index.ts";

/** A request that came. */
export interface Asked {
  method: string;
  /** Below `/_ostro/v1/`, with its query. */
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** What is answered: JSON with status 200, or what the function does itself. */
export type Answer = (asked: Asked, response: ServerResponse) => unknown;

export interface Server {
  url: string;
  asked: Asked[];
  /** What was asked for with this path. */
  of(path: string): Asked[];
  client<Schema extends { [Name in keyof Schema]: object } = Record<string, Record<string, unknown>>>(options?: ClientOptions): Client<Schema>;
}

export const ANN = { id: "u1", email: "ann@example.com", verified: true, anonymous: false, roles: [], created_at: "2026-01-01T00:00:00Z" };

/** Tokens number `n`, good for that many seconds. */
export const session = (n: number, expires_in = 900, user: User = ANN) => ({
  user, access_token: `access-${n}`, token_type: "Bearer", expires_in, refresh_token: `refresh-${n}`,
});

/** A problem document (RFC 9457). */
export function refuse(response: ServerResponse, status: number, code: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/problem+json", ...headers });
  response.end(JSON.stringify({ type: "about:blank", title: "Refused", status, detail: `it is ${code}`, code }));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** Serves until the test has ended. `answers` go by the path's beginning; the longest that fits. */
export async function serve(test: TestContext, answers: Record<string, Answer>): Promise<Server> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    const path = (request.url ?? "").replace("/_ostro/v1/", "");
    const one: Asked = { method: request.method ?? "", path, headers: request.headers, body: await bodyOf(request).catch(() => Buffer.alloc(0)) };
    asked.push(one);
    const [name] = Object.keys(answers).filter((name) => path.startsWith(name)).sort((a, b) => b.length - a.length);
    if (name === undefined) return refuse(response, 404, "not_found");
    const said = await answers[name]?.(one, response);
    if (said !== undefined) {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(said));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    asked,
    of: (path) => asked.filter((one) => one.path.startsWith(path)),
    client: (options) => createClient(url, { retry: { attempts: 3, firstMs: 2, mostMs: 10 }, ...options }),
  };
}

export const jsonOf = (asked: Asked | undefined): unknown => JSON.parse(String(asked?.body));

/** Waits until it is so; fails after two seconds. */
export async function until(isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo(); waited += 5) {
    if (waited > 2000) throw new Error("it has not come to that");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
