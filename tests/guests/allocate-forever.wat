;; allocate-forever: grows until the host refuses, then traps as an allocator does (B4).
(module
  (;use memory;)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (loop $again
      (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    (unreachable)))
