;; clock: the smallest step of the clock that a tight loop can see, in nanoseconds (B9).
(module
  (;use memory answer clock;)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $left i32) (local $last i64) (local $now i64) (local $least i64)
    (local.set $left (i32.const 200000))
    (local.set $least (i64.const 1000000000))
    (local.set $last (call $now))
    (loop $next
      (local.set $now (call $now))
      (if (i64.ne (local.get $now) (local.get $last)) (then
        (if (i64.lt_u (i64.sub (local.get $now) (local.get $last)) (local.get $least)) (then
          (local.set $least (i64.sub (local.get $now) (local.get $last)))))
        (local.set $last (local.get $now))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $next (local.get $left)))
    (call $start (local.get $out) (i32.const 200))
    (call $write (call $decimal (local.get $least)))
    (call $finish)))
