/** What ostro.toml gives: variables of `env`, granted secrets, bindings. */
interface Env {
  GREETING: string;
}

// Every request comes to `fetch`.
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/time") {
      return Response.json({ now: new Date().toISOString() });
    }
    const name: string = url.searchParams.get("name") ?? "world";
    console.log(`greeting ${name}`);
    return new Response(`${env.GREETING}, ${name}!\n`);
  },
};
