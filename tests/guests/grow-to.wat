;; grow-to: grows to as many pages as the query says and tells whether it was allowed: the memory limit, to the page (B4).
(module
  (;use memory answer request;)
  (data (i32.const 1024) "grown\nrefused\n")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (call $read-target (local.get $request))
    (if (i32.eq (i32.const -1) (memory.grow (i32.sub
          (i32.wrap_i64 (call $number (global.get $query) (global.get $query-len))) (memory.size))))
      (then (call $respond (local.get $out) (i32.const 200) (i32.const 1030) (i32.const 8)))
      (else (call $respond (local.get $out) (i32.const 200) (i32.const 1024) (i32.const 6))))))
