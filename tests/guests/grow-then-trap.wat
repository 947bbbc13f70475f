;; grow-then-trap: every grow was allowed, so the trap after it is a plain trap and no memory limit.
(module
  (;use memory;)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (if (i32.eq (i32.const -1) (memory.grow (i32.const 1))) (then (loop $never (br $never))))
    (unreachable)))
