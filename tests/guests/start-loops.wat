;; start-loops: its start function never returns (A8).
(module
  (;use memory;)
  (func $begin (loop $again (br $again)))
  (start $begin)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
  ))
