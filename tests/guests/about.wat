;; about: answers with what it may know of itself, a line each: project, function, revision, invocation, deadline; then the names
;; that it gives to resources, as `NAME=RESOURCE`.
(module
  (import "ostro:functions/context@0.1.0" "about" (func $about (param i32)))
  (import "ostro:functions/context@0.1.0" "bindings" (func $bindings (param i32)))
  (;use memory answer;)
  (data (i32.const 1024) "\n=")
  (func $line (param $at i32) (param $len i32)
    (call $write (local.get $at) (local.get $len))
    (call $write (i32.const 1024) (i32.const 1)))
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $at i32) (local $count i32)
    ;; facts: project at 0, function at 8, revision at 16, invocation at 20, deadline at 32
    (call $about (i32.const 128))
    (call $bindings (i32.const 192))
    (call $start (local.get $out) (i32.const 200))
    (call $line (i32.load (i32.const 128)) (i32.load (i32.const 132)))
    (call $line (i32.load (i32.const 136)) (i32.load (i32.const 140)))
    (call $line (call $decimal (i64.load32_u (i32.const 144))))
    (call $line (i32.load (i32.const 148)) (i32.load (i32.const 152)))
    (call $line (call $decimal (i64.load (i32.const 160))))
    (local.set $at (i32.load (i32.const 192)))
    (local.set $count (i32.load (i32.const 196)))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $count)))
        (call $write (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)))
        (call $write (i32.const 1025) (i32.const 1))
        (call $line (i32.load offset=8 (local.get $at)) (i32.load offset=12 (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (call $finish)))
