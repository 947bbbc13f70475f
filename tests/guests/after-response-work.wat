;; after-response-work: answers at once, works on for 1.5 s, then writes a log line: nothing may cut that short.
(module
  (;use memory answer log clock;)
  (data (i32.const 1024) "answered\nwork is done\n")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (call $respond (local.get $out) (i32.const 200) (i32.const 1024) (i32.const 9))
    (call $sleep (i64.const 1500))
    (call $print (i32.const 1033) (i32.const 13))))
