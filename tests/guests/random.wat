;; random: as many random bytes as the query says (C2).
(module
  (import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))
  (;use memory answer request;)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (call $read-target (local.get $request))
    (call $random (call $number (global.get $query) (global.get $query-len)) (i32.const 128))
    (call $respond (local.get $out) (i32.const 200) (i32.load (i32.const 128)) (i32.load (i32.const 132)))))
