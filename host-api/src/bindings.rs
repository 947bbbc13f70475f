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
    path: ["../wit/deps/config", "../wit/deps/logging", "../wit/deps/keyvalue", "../wit/secrets.wit", "../wit/queue.wit", "../wit/functions.wit", "../wit/triggers.wit"],
    inline: "
        package ostro:host;
        world host {
            import ostro:secrets/store@0.1.0;
            import ostro:queue/producer@0.1.0;
            import ostro:functions/context@0.1.0;
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
        "ostro:queue/producer@0.1.0.send": async,
        "wasi:keyvalue": async | trappable,
    },
    trappable_error_type: { "wasi:keyvalue/store.error" => crate::keyvalue::Failure },
    with: {
        "wasi:keyvalue/store.bucket": crate::keyvalue::Bucket,
        "wasi:keyvalue/atomics.cas": crate::keyvalue::Cas,
    },
    exports: { default: async },
    // Messages are handed over as they lie in memory.
    ownership: Borrowing { duplicate_if_necessary: false },
});
