;; The request's body.
(import "wasi:http/types@0.2.0" "[method]incoming-request.consume" (func $request.consume (param i32 i32)))
(import "wasi:http/types@0.2.0" "[method]incoming-body.stream" (func $incoming.stream (param i32 i32)))
(import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read" (func $stream.read (param i32 i64 i32)))

;; Opens the body and answers its stream.
(func $open-body (param $request i32) (result i32)
  (call $request.consume (local.get $request) (i32.const 16))
  (call $incoming.stream (i32.load (i32.const 20)) (i32.const 16))
  (i32.load (i32.const 20)))

;; Reads the next piece: where it is and how long; length 0 at the end. A body that breaks off is a trap: it must not be
;; taken for a whole one.
(func $read (param $from i32) (result i32 i32)
  (call $stream.read (local.get $from) (i64.const 65536) (i32.const 16))
  (if (i32.load8_u (i32.const 16)) (then
    (if (i32.eqz (i32.load8_u (i32.const 20))) (then (unreachable)))
    (return (i32.const 0) (i32.const 0))))
  (i32.load (i32.const 20))
  (i32.load (i32.const 24)))
