;; say: its input is a digit and what it writes to standard output; it exits with the digit's status.
(module
  (;use command;)
  (func (export "_start")
    (local $status i32) (local $len i32)
    (if (call $read (i32.const 0) (i32.const 64) (i32.const 1))
      (then (local.set $status (i32.sub (i32.load8_u (i32.const 64)) (i32.const 48)))))
    (loop $next
      (local.set $len (call $read (i32.const 0) (i32.const 1024) (i32.const 65536)))
      (if (local.get $len)
        (then
          (call $write (i32.const 1) (i32.const 1024) (local.get $len))
          (br $next))))
    (if (local.get $status) (then (call $exit (local.get $status))))))
