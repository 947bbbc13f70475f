;; stream-then-silence: one chunk, then nothing for a minute (D6).
(module
  (;use memory answer clock;)
  (data (i32.const 1024) "the beginning\n")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (call $start (local.get $out) (i32.const 200))
    (call $write (i32.const 1024) (i32.const 14))
    (call $sleep (i64.const 60000))
    (call $finish)))
