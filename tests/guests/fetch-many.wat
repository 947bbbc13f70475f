;; fetch-many: gets the URL in the query sixty times and answers how many went through: the budget of outbound calls.
(module
  (;use memory answer request clock outbound;)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $done i64) (local $left i32)
    (call $read-target (local.get $request))
    (local.set $left (i32.const 60))
    (block $end
      (loop $next
        (br_if $end (call $fetch (call $fields.new) (global.get $query) (global.get $query-len)))
        (local.set $done (i64.add (local.get $done) (i64.const 1)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $next (local.get $left))))
    (call $start (local.get $out) (i32.const 200))
    (call $write (call $decimal (local.get $done)))
    (call $finish)))
