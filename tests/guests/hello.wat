;; hello: the way from the socket to a guest and back.
(module
  (;use memory answer;)
  (data (i32.const 1024) "hello from ostro\n")
  (data (i32.const 1048) "content-typetext/plain")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (drop (call $header (i32.const 1048) (i32.const 12) (i32.const 1060) (i32.const 10)))
    (call $respond (local.get $out) (i32.const 200) (i32.const 1024) (i32.const 17))))
