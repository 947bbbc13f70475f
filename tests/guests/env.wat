;; env: the environment variable that the query names; 404 when it is not set.
(module
  (import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))
  (;use memory answer request;)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $at i32) (local $left i32)
    (call $read-target (local.get $request))
    (call $environment (i32.const 256))
    (local.set $at (i32.load (i32.const 256)))
    (local.set $left (i32.load (i32.const 260)))
    (loop $next
      (if (i32.eqz (local.get $left)) (then
        (call $respond (local.get $out) (i32.const 404) (i32.const 0) (i32.const 0))
        (return)))
      (if (call $equal (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)) (global.get $query) (global.get $query-len)) (then
        (call $respond (local.get $out) (i32.const 200) (i32.load offset=8 (local.get $at)) (i32.load offset=12 (local.get $at)))
        (return)))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br $next))))
