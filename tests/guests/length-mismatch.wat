;; length-mismatch: says content-length 10 and writes as many bytes as the query says (D8).
(module
  (;use memory answer request;)
  (data (i32.const 1024) "content-length10")
  (data (i32.const 1048) "0123456789abcdefghij")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (call $read-target (local.get $request))
    (drop (call $header (i32.const 1024) (i32.const 14) (i32.const 1038) (i32.const 2)))
    (call $respond (local.get $out) (i32.const 200) (i32.const 1048)
      (i32.wrap_i64 (call $number (global.get $query) (global.get $query-len))))))
