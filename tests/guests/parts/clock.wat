;; Time.
(import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))
(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $after (param i64) (result i32)))
(import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
(import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $pollable.drop (param i32)))

;; Sleeps, in milliseconds, without using the processor.
(func $sleep (param $ms i64)
  (local $timer i32)
  (local.set $timer (call $after (i64.mul (local.get $ms) (i64.const 1000000))))
  (call $block (local.get $timer))
  (call $pollable.drop (local.get $timer)))
