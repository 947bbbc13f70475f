//! What wit-bindgen makes of the contract. Nobody outside of this crate sees it.
#![allow(missing_docs, unreachable_pub, unsafe_code, reason = "generated")]
#![allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]

// Only what a component calls is among its imports: the linker drops the rest, and the description of the world is cut to it.
wit_bindgen::generate!({
    path: ["wit/deps/keyvalue", "wit/auth.wit", "wit/queue.wit", "wit/realtime.wit", "wit/db", "wit/functions.wit", "wit/secrets.wit", "wit/storage.wit"],
    inline: "
        package ostro:sdk;
        world functions {
            import ostro:auth/identity@0.1.0;
            import ostro:auth/users@0.1.0;
            import ostro:db/documents@0.1.0;
            import ostro:db/sql@0.1.0;
            import ostro:db/transactions@0.1.0;
            import ostro:functions/context@0.1.0;
            import ostro:functions/invoke@0.1.0;
            import ostro:queue/producer@0.1.0;
            import ostro:realtime/channels@0.1.0;
            import ostro:secrets/store@0.1.0;
            import ostro:storage/objects@0.1.0;
            import wasi:keyvalue/store@0.2.0-draft2;
            import wasi:keyvalue/atomics@0.2.0-draft2;
            import wasi:keyvalue/batch@0.2.0-draft2;
        }
    ",
    generate_all,
});
