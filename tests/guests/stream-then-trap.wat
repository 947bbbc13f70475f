;; stream-then-trap: fails after the head and a first chunk: a client must see that the answer is cut.
(module
  (;use memory answer;)
  (data (i32.const 1024) "the beginning\n")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (call $start (local.get $out) (i32.const 200))
    (call $write (i32.const 1024) (i32.const 14))
    (unreachable)))
