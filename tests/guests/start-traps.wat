;; start-traps: its start function traps (A8).
(module
  (;use memory;)
  (func $begin (unreachable))
  (start $begin)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
  ))
