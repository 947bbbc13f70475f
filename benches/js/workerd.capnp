using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [ (name = "app", worker = .app) ],
  # The bench gives the address.
  sockets = [ (name = "http", http = (), service = "app") ],
);

const app :Workerd.Worker = (
  modules = [ (name = "app.js", esModule = embed "built/app.js") ],
  compatibilityDate = "2026-01-01",
);
