;; exit: leaves by wasi:cli/exit without an answer (B7).
(module
  (import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))
  (;use memory;)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (call $exit (i32.const 1))))
