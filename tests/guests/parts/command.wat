;; A WASI preview 1 command: standard streams, and its end. Bytes 0 to 63 are for the calls, guests use the rest.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd-read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd-write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 3)
  ;; Reads at most so many bytes of a file to a place, and says how many; traps on a failure.
  (func $read (param $fd i32) (param $at i32) (param $most i32) (result i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $most))
    (if (call $fd-read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
    (i32.load (i32.const 8)))
  ;; Writes all of it to a file; traps on a failure.
  (func $write (param $fd i32) (param $at i32) (param $len i32)
    (loop $more
      (i32.store (i32.const 0) (local.get $at))
      (i32.store (i32.const 4) (local.get $len))
      (if (call $fd-write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
      (local.set $at (i32.add (local.get $at) (i32.load (i32.const 8))))
      (local.set $len (i32.sub (local.get $len) (i32.load (i32.const 8))))
      (br_if $more (local.get $len))))
  ;; The length of a text that a NUL ends.
  (func $length (param $at i32) (result i32)
    (local $len i32)
    (loop $next
      (if (i32.load8_u (i32.add (local.get $at) (local.get $len)))
        (then
          (local.set $len (i32.add (local.get $len) (i32.const 1)))
          (br $next))))
    (local.get $len))
