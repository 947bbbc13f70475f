// Every request comes to `fetch`. `env` has what ostro.toml gives: variables, granted secrets, bindings.
export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname === "/time") {
      return Response.json({ now: new Date().toISOString() });
    }
    const name = url.searchParams.get("name") ?? "world";
    console.log(`greeting ${name}`);
    return new Response(`${env.GREETING}, ${name}!\n`);
  },
};
