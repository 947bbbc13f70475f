;; big-table: wants a table of four billion entries (A7).
(module
  (;use memory;)
  (table 4294967295 funcref)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
  ))
