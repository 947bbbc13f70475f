;; stream-slow: five chunks, 100 ms apart: the first byte must not wait for the last.
(module
  (;use memory answer clock;)
  (data (i32.const 1024) "chunk\n")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $left i32)
    (local.set $left (i32.const 5))
    (call $start (local.get $out) (i32.const 200))
    (loop $next
      (call $write (i32.const 1024) (i32.const 6))
      (call $sleep (i64.const 100))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $next (local.get $left)))
    (call $finish)))
