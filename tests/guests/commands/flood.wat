;; flood: answers, then writes without an end.
(module
  (;use command;)
  (data (i32.const 64) "Content-Type: text/plain\n\n")
  (func (export "_start")
    (call $write (i32.const 1) (i32.const 64) (i32.const 26))
    (loop $more
      (call $write (i32.const 1) (i32.const 1024) (i32.const 65536))
      (br $more))))
