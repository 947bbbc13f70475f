;; big-memory: wants 3 GiB of memory to begin with (A8).
(module
  (memory (export "memory") 49152)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
  ))
