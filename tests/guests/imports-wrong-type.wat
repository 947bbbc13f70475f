;; imports-wrong-type: needs a function of wasi:random with a type that is not the standard's (A3).
;; world: mistyped
(module
  (import "wasi:random/random@0.2.1" "get-random-u64" (func $random (param i32)))
  (;use memory;)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (call $random (i32.const 16))))
