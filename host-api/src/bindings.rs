//! Types and traits generated from `wit/`: the only `bindgen!` of the project.

#![allow(missing_docs, unreachable_pub, reason = "generated code; the WIT files carry the documentation")]
#![allow(
    clippy::all,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "generated code"
)]

wasmtime::component::bindgen!({
    path: ["../wit/deps/config", "../wit/deps/logging", "../wit/deps/keyvalue", "../wit/auth.wit", "../wit/db", "../wit/secrets.wit", "../wit/queue.wit", "../wit/realtime.wit", "../wit/storage.wit", "../wit/functions.wit", "../wit/triggers.wit"],
    inline: "
        package ostro:host;
        world host {
            import ostro:auth/identity@0.1.0;
            import ostro:auth/users@0.1.0;
            import ostro:secrets/store@0.1.0;
            import ostro:queue/producer@0.1.0;
            import ostro:realtime/channels@0.1.0;
            import ostro:functions/context@0.1.0;
            import ostro:functions/invoke@0.1.0;
            import ostro:db/documents@0.1.0;
            import ostro:db/transactions@0.1.0;
            import ostro:db/sql@0.1.0;
            import ostro:storage/objects@0.1.0;
            import wasi:config/store@0.2.0-rc.1;
            import wasi:logging/logging@0.1.0-draft;
            import wasi:keyvalue/store@0.2.0-draft2;
            import wasi:keyvalue/atomics@0.2.0-draft2;
            import wasi:keyvalue/batch@0.2.0-draft2;
            export ostro:triggers/scheduled@0.1.0;
            export ostro:triggers/queued@0.1.0;
        }
    ",
    world: "ostro:host/host",
    // These wait for the store. A handle that the guest does not have is a trap.
    imports: {
        "ostro:auth/users": async,
        "ostro:queue/producer@0.1.0.send": async,
        "ostro:functions/invoke@0.1.0.call": async,
        "ostro:functions/invoke@0.1.0.send": async,
        "ostro:db": async | trappable,
        "ostro:storage": async | trappable,
        "wasi:keyvalue": async | trappable,
    },
    trappable_error_type: {
        "ostro:db/documents.error" => crate::db::Failure,
        "ostro:db/sql.error" => crate::db::SqlFailure,
        "ostro:storage/objects.error" => crate::objects::Failure,
        "wasi:keyvalue/store.error" => crate::keyvalue::Failure,
    },
    with: {
        "ostro:db/documents.collection": crate::db::Collection,
        "ostro:db/transactions.transaction": crate::db::Transaction,
        "ostro:db/sql.database": crate::db::SqlDatabase,
        "ostro:storage/objects.bucket": crate::objects::Bucket,
        "ostro:storage/objects.download": crate::objects::Download,
        "ostro:storage/objects.upload": crate::objects::Upload,
        "wasi:keyvalue/store.bucket": crate::keyvalue::Bucket,
        "wasi:keyvalue/atomics.cas": crate::keyvalue::Cas,
    },
    exports: { default: async },
    // Messages are handed over as they lie in memory.
    ownership: Borrowing { duplicate_if_necessary: false },
});
