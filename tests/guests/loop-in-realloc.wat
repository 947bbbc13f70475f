;; loop-in-realloc: the hook that the host calls to pass a string never returns (B1).
(module
  (import "wasi:http/types@0.2.0" "[method]incoming-request.path-with-query" (func $request.path (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (loop $again (br $again))
    (unreachable))
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (call $request.path (local.get $request) (i32.const 16))))
