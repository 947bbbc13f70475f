;; echo-body: the request's body streams in while the same bytes stream out.
(module
  (;use memory answer body;)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $from i32) (local $at i32) (local $len i32)
    (local.set $from (call $open-body (local.get $request)))
    (call $start (local.get $out) (i32.const 200))
    (block $end
      (loop $next
        (global.set $heap (i32.const 8192))
        (call $read (local.get $from))
        (local.set $len) (local.set $at)
        (br_if $end (i32.eqz (local.get $len)))
        (call $write (local.get $at) (local.get $len))
        (br $next)))
    (call $finish)))
