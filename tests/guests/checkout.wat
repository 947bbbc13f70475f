;; checkout: sleeps 1.5 s, then logs "charged" and answers: what must not be cut when the client goes away (D13).
(module
  (;use memory answer log clock;)
  (data (i32.const 1024) "charged\n")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (call $sleep (i64.const 1500))
    (call $print (i32.const 1024) (i32.const 8))
    (call $respond (local.get $out) (i32.const 200) (i32.const 1024) (i32.const 8))))
