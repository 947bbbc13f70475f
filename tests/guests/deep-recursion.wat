;; deep-recursion: calls itself until the stack is full (B3).
(module
  (;use memory;)
  (func $deeper (param $n i64) (result i64)
    (i64.add (local.get $n) (call $deeper (i64.add (local.get $n) (i64.const 1)))))
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (drop (call $deeper (i64.const 0)))))
