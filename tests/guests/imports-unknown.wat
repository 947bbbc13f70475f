;; imports-unknown: needs an interface that no host has (A3).
(module
  (import "acme:weather/forecast@1.0.0" "tomorrow" (func $tomorrow (result i32)))
  (;use memory;)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (drop (call $tomorrow))))
