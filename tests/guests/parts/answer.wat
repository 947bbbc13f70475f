;; Answering: $respond does all of it; $start, $write and $finish do it piece by piece. Results of the host lie at 16..128.
(import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields.new (result i32)))
(import "wasi:http/types@0.2.0" "[method]fields.append" (func $fields.append (param i32 i32 i32 i32 i32 i32)))
(import "wasi:http/types@0.2.0" "[constructor]outgoing-response" (func $response.new (param i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-response.set-status-code" (func $response.set-status (param i32 i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-response.body" (func $response.body (param i32 i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-body.write" (func $body.write (param i32 i32)))
(import "wasi:http/types@0.2.0" "[static]outgoing-body.finish" (func $body.finish (param i32 i32 i32 i32)))
(import "wasi:http/types@0.2.0" "[static]response-outparam.set" (func $outparam.set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
(import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush" (func $stream.write (param i32 i32 i32 i32)))
(import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $stream.drop (param i32)))

(global $headers (mut i32) (i32.const -1))
(global $body (mut i32) (i32.const -1))
(global $stream (mut i32) (i32.const -1))
;; 1 when the host refused the status.
(global $status-refused (mut i32) (i32.const 0))

;; Adds a header to the coming answer: 0 added, 1 refused (and why, at 17: 0 syntax, 1 forbidden, 2 immutable).
(func $header (param $name i32) (param $name-len i32) (param $value i32) (param $value-len i32) (result i32)
  (if (i32.eq (global.get $headers) (i32.const -1)) (then (global.set $headers (call $fields.new))))
  (call $fields.append (global.get $headers) (local.get $name) (local.get $name-len)
    (local.get $value) (local.get $value-len) (i32.const 16))
  (i32.load8_u (i32.const 16)))

;; Sends the head; the body's stream is open afterwards.
(func $start (param $out i32) (param $status i32)
  (local $response i32)
  (if (i32.eq (global.get $headers) (i32.const -1)) (then (global.set $headers (call $fields.new))))
  (local.set $response (call $response.new (global.get $headers)))
  (global.set $headers (i32.const -1))
  (global.set $status-refused (call $response.set-status (local.get $response) (local.get $status)))
  (call $response.body (local.get $response) (i32.const 16))
  (global.set $body (i32.load (i32.const 20)))
  (call $outparam.set (local.get $out) (i32.const 0) (local.get $response)
    (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
  (call $body.write (global.get $body) (i32.const 16))
  (global.set $stream (i32.load (i32.const 20))))

;; Writes bytes of any number to a stream, waiting for room: 0 written, 1 the stream is closed.
(func $write-to (param $to i32) (param $at i32) (param $len i32) (result i32)
  (local $piece i32)
  (block $end
    (loop $next
      (br_if $end (i32.eqz (local.get $len)))
      (local.set $piece (select (local.get $len) (i32.const 4096) (i32.lt_u (local.get $len) (i32.const 4096))))
      (call $stream.write (local.get $to) (local.get $at) (local.get $piece) (i32.const 16))
      (if (i32.load8_u (i32.const 16)) (then (return (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (local.get $piece)))
      (local.set $len (i32.sub (local.get $len) (local.get $piece)))
      (br $next)))
  (i32.const 0))

;; Writes to the answer's body; a client that is gone changes nothing.
(func $write (param $at i32) (param $len i32)
  (drop (call $write-to (global.get $stream) (local.get $at) (local.get $len))))

;; Ends the body.
(func $finish
  (call $stream.drop (global.get $stream))
  (call $body.finish (global.get $body) (i32.const 0) (i32.const 0) (i32.const 64)))

;; A whole answer.
(func $respond (param $out i32) (param $status i32) (param $at i32) (param $len i32)
  (call $start (local.get $out) (local.get $status))
  (call $write (local.get $at) (local.get $len))
  (call $finish))
