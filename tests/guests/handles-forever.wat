;; handles-forever: makes host objects without end and drops none (B6).
(module
  (import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields.new (result i32)))
  (;use memory;)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (loop $again
      (drop (call $fields.new))
      (br $again))))
