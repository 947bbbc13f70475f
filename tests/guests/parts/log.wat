;; The log: standard output and standard error.
(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
(import "wasi:cli/stderr@0.2.0" "get-stderr" (func $stderr (result i32)))

;; Writes to standard output as it is: lines end where the text says so.
(func $print (param $at i32) (param $len i32)
  (local $to i32)
  (local.set $to (call $stdout))
  (drop (call $write-to (local.get $to) (local.get $at) (local.get $len)))
  (call $stream.drop (local.get $to)))
