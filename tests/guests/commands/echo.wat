;; echo: answers at once, then sends back what it is sent, piece by piece.
(module
  (;use command;)
  (data (i32.const 64) "Status: 201 Created\r\nContent-Type: text/plain\r\n\r\n")
  (func (export "_start")
    (local $len i32)
    (call $write (i32.const 1) (i32.const 64) (i32.const 49))
    (loop $next
      (local.set $len (call $read (i32.const 0) (i32.const 1024) (i32.const 65536)))
      (if (local.get $len)
        (then
          (call $write (i32.const 1) (i32.const 1024) (local.get $len))
          (br $next))))))
