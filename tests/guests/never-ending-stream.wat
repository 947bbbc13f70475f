;; never-ending-stream: writes for ever, also to a client that is gone (D6).
(module
  (;use memory answer;)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (call $start (local.get $out) (i32.const 200))
    (loop $again
      (call $write (i32.const 4096) (i32.const 4096))
      (br $again))))
