;; sleeper: sleeps as many milliseconds as the query says, then answers: waits without computing.
(module
  (;use memory answer request clock;)
  (data (i32.const 1024) "rested\n")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (call $read-target (local.get $request))
    (call $sleep (call $number (global.get $query) (global.get $query-len)))
    (call $respond (local.get $out) (i32.const 200) (i32.const 1024) (i32.const 7))))
