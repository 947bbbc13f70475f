;; count-body: reads the whole body before it answers with its length.
(module
  (;use memory answer body;)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $from i32) (local $len i32) (local $total i64)
    (local.set $from (call $open-body (local.get $request)))
    (block $end
      (loop $next
        (global.set $heap (i32.const 8192))
        (call $read (local.get $from))
        (local.set $len) (drop)
        (br_if $end (i32.eqz (local.get $len)))
        (local.set $total (i64.add (local.get $total) (i64.extend_i32_u (local.get $len))))
        (br $next)))
    (call $start (local.get $out) (i32.const 200))
    (call $write (call $decimal (local.get $total)))
    (call $finish)))
