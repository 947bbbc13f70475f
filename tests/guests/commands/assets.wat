;; assets: answers with the file /assets/page.txt, then tries to write to it and tells the error's number.
(module
  (;use command;)
  (import "wasi_snapshot_preview1" "path_open" (func $path-open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (data (i32.const 64) "Content-Type: text/plain\n\n")
  (data (i32.const 96) "page.txt")
  (func $open (param $flags i32) (param $rights i64) (result i32)
    (call $path-open (i32.const 3) (i32.const 0) (i32.const 96) (i32.const 8) (local.get $flags)
      (local.get $rights) (i64.const 0) (i32.const 0) (i32.const 16)))
  (func (export "_start")
    (local $len i32)
    ;; fd_read
    (if (call $open (i32.const 0) (i64.const 2)) (then unreachable))
    (local.set $len (call $read (i32.load (i32.const 16)) (i32.const 1024) (i32.const 4096)))
    (call $write (i32.const 1) (i32.const 64) (i32.const 26))
    (call $write (i32.const 1) (i32.const 1024) (local.get $len))
    ;; fd_write
    (i32.store8 (i32.const 32) (i32.add (i32.const 48) (i32.ne (i32.const 0) (call $open (i32.const 0) (i64.const 64)))))
    (call $write (i32.const 1) (i32.const 32) (i32.const 1))))
