;; imports-wrong-version: needs a version of wasi:random that does not exist (A3).
(module
  (import "wasi:random/random@0.9.0" "get-random-u64" (func $random (result i64)))
  (;use memory;)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (drop (call $random))))
