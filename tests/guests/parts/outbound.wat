;; Outbound HTTP: $fetch gets a URL and leaves the status, or the discriminant of the error, in globals.
(import "wasi:http/types@0.2.0" "[constructor]outgoing-request" (func $request.new (param i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-request.set-path-with-query" (func $request.set-path (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-request.set-scheme" (func $request.set-scheme (param i32 i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-request.set-authority" (func $request.set-authority (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/outgoing-handler@0.2.0" "handle" (func $send (param i32 i32 i32 i32)))
(import "wasi:http/types@0.2.0" "[method]future-incoming-response.subscribe" (func $future.subscribe (param i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]future-incoming-response.get" (func $future.get (param i32 i32)))
(import "wasi:http/types@0.2.0" "[method]incoming-response.status" (func $response.status (param i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]incoming-response.consume" (func $response.consume (param i32 i32)))
(import "wasi:http/types@0.2.0" "[method]incoming-body.stream" (func $incoming.stream (param i32 i32)))
(import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read" (func $stream.read (param i32 i64 i32)))

(global $fetched-status (mut i32) (i32.const 0))
(global $fetched (mut i32) (i32.const 0))

;; Gets a URL with these headers. 0: $fetched-status and the body's stream in $fetched are set.
;; 1: an error-code, its discriminant in $fetched-status. 2: the URL could not even be set.
(func $fetch (param $headers i32) (param $url i32) (param $len i32) (result i32)
  (local $request i32) (local $n i32) (local $future i32) (local $timer i32)
  (local.set $request (call $request.new (local.get $headers)))
  ;; the scheme: http is 0, https is 1, told apart by the length of what stands before the colon
  (local.set $n (call $find (local.get $url) (local.get $len) (i32.const 58)))
  (if (call $request.set-scheme (local.get $request) (i32.const 1)
        (i32.eq (local.get $n) (i32.const 5)) (i32.const 0) (i32.const 0)) (then (return (i32.const 2))))
  (local.set $url (i32.add (local.get $url) (i32.add (local.get $n) (i32.const 3))))
  (local.set $len (i32.sub (local.get $len) (i32.add (local.get $n) (i32.const 3))))
  ;; the authority ends at the first slash
  (local.set $n (call $find (local.get $url) (local.get $len) (i32.const 47)))
  (if (call $request.set-authority (local.get $request) (i32.const 1) (local.get $url) (local.get $n))
    (then (return (i32.const 2))))
  (if (i32.lt_u (local.get $n) (local.get $len)) (then
    (if (call $request.set-path (local.get $request) (i32.const 1)
          (i32.add (local.get $url) (local.get $n)) (i32.sub (local.get $len) (local.get $n)))
      (then (return (i32.const 2))))))
  ;; result<future, error-code>: the payload lies at 8
  (call $send (local.get $request) (i32.const 0) (i32.const 0) (i32.const 128))
  (if (i32.load8_u (i32.const 128)) (then
    (global.set $fetched-status (i32.load8_u (i32.const 136)))
    (return (i32.const 1))))
  (local.set $future (i32.load (i32.const 136)))
  (local.set $timer (call $future.subscribe (local.get $future)))
  (call $block (local.get $timer))
  (call $pollable.drop (local.get $timer))
  ;; option<result<result<response, error-code>>>: at 128, 136 and 144, the payload at 152
  (call $future.get (local.get $future) (i32.const 128))
  (if (i32.load8_u (i32.const 144)) (then
    (global.set $fetched-status (i32.load8_u (i32.const 152)))
    (return (i32.const 1))))
  (global.set $fetched-status (call $response.status (i32.load (i32.const 152))))
  (call $response.consume (i32.load (i32.const 152)) (i32.const 128))
  (call $incoming.stream (i32.load (i32.const 132)) (i32.const 128))
  (global.set $fetched (i32.load (i32.const 132)))
  (i32.const 0))

;; The next piece of the fetched body: where it is and how long; length 0 at the end, -1 when it broke off.
(func $read-fetched (result i32 i32)
  (call $stream.read (global.get $fetched) (i64.const 65536) (i32.const 128))
  (if (i32.load8_u (i32.const 128)) (then
    (return (i32.const 0) (i32.sub (i32.load8_u (i32.const 132)) (i32.const 1)))))
  (i32.load (i32.const 132))
  (i32.load (i32.const 136)))
