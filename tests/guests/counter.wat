;; counter: how many invocations this instance has served: 1 for ever when instances are fresh.
(module
  (;use memory answer;)
  (global $count (mut i64) (i64.const 0))
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (global.set $count (i64.add (global.get $count) (i64.const 1)))
    (call $start (local.get $out) (i32.const 200))
    (call $write (call $decimal (global.get $count)))
    (call $finish)))
