;; many-headers: an answer with as many headers as the query says (D8).
(module
  (;use memory answer request;)
  (data (i32.const 1024) "x-manyvalue")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $left i32)
    (call $read-target (local.get $request))
    (local.set $left (i32.wrap_i64 (call $number (global.get $query) (global.get $query-len))))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $left)))
        (br_if $end (call $header (i32.const 1024) (i32.const 6) (i32.const 1030) (i32.const 5)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (call $respond (local.get $out) (i32.const 200) (i32.const 1024) (i32.const 0))))
