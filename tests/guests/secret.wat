;; secret: the secret that the query names, which it also writes to its log, as it never should (F7).
(module
  (import "ostro:secrets/store@0.1.0" "get" (func $secret (param i32 i32 i32)))
  (;use memory answer request log;)
  (data (i32.const 1024) "denied: no such secret\n")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (call $read-target (local.get $request))
    ;; result<option<string>, error>: at 128, 132 and 136, or 132 and 136 for the error's text
    (call $secret (global.get $query) (global.get $query-len) (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then
      (call $start (local.get $out) (i32.const 403))
      (call $write (i32.const 1024) (i32.const 8))
      (call $write (i32.load (i32.const 136)) (i32.load (i32.const 140)))
      (call $finish)
      (return)))
    (if (i32.eqz (i32.load8_u (i32.const 132))) (then
      (call $respond (local.get $out) (i32.const 404) (i32.const 1032) (i32.const 15))
      (return)))
    (call $print (i32.load (i32.const 136)) (i32.load (i32.const 140)))
    (call $print (i32.const 1046) (i32.const 1))
    (call $respond (local.get $out) (i32.const 200) (i32.load (i32.const 136)) (i32.load (i32.const 140)))))
