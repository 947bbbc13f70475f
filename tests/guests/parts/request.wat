;; The request's target, split at the first `?`.
(import "wasi:http/types@0.2.0" "[method]incoming-request.path-with-query" (func $request.path (param i32 i32)))

(global $path (mut i32) (i32.const 0))
(global $path-len (mut i32) (i32.const 0))
(global $query (mut i32) (i32.const 0))
(global $query-len (mut i32) (i32.const 0))

;; Sets $path and $query (without the `?`, empty when there is none).
(func $read-target (param $request i32)
  (local $len i32)
  (call $request.path (local.get $request) (i32.const 16))
  (global.set $path (i32.load (i32.const 20)))
  (local.set $len (i32.load (i32.const 24)))
  (global.set $path-len (call $find (global.get $path) (local.get $len) (i32.const 63)))
  (if (i32.lt_u (global.get $path-len) (local.get $len)) (then
    (global.set $query (i32.add (global.get $path) (i32.add (global.get $path-len) (i32.const 1))))
    (global.set $query-len (i32.sub (local.get $len) (i32.add (global.get $path-len) (i32.const 1)))))
  (else (global.set $query-len (i32.const 0)))))
