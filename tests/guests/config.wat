;; config: all that wasi:config gives, "NAME=VALUE" a line.
(module
  (import "wasi:config/store@0.2.0-rc.1" "get-all" (func $config.all (param i32)))
  (;use memory answer;)
  (data (i32.const 1024) "=\n")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $at i32) (local $left i32)
    (call $config.all (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then (unreachable)))
    (local.set $at (i32.load (i32.const 132)))
    (local.set $left (i32.load (i32.const 136)))
    (call $start (local.get $out) (i32.const 200))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $left)))
        (call $write (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)))
        (call $write (i32.const 1024) (i32.const 1))
        (call $write (i32.load offset=8 (local.get $at)) (i32.load offset=12 (local.get $at)))
        (call $write (i32.const 1025) (i32.const 1))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (call $finish)))
