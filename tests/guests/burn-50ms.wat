;; burn-50ms: computes until 50 ms have passed, then answers: work that is long but allowed.
(module
  (;use memory answer clock;)
  (data (i32.const 1024) "burnt\n")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $until i64) (local $i i32)
    (local.set $until (i64.add (call $now) (i64.const 50000000)))
    (loop $again
      (local.set $i (i32.const 20000))
      (loop $work
        (local.set $i (i32.sub (local.get $i) (i32.const 1)))
        (br_if $work (local.get $i)))
      (br_if $again (i64.lt_u (call $now) (local.get $until))))
    (call $respond (local.get $out) (i32.const 200) (i32.const 1024) (i32.const 6))))
