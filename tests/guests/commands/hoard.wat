;; hoard: takes memory until it gets none, then traps.
(module
  (;use command;)
  (func (export "_start")
    (loop $more
      (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
      (br $more))))
