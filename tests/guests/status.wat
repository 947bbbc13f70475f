;; status: answers the status that the query names, with a body, or 418 when the host refused it (D8).
(module
  (import "wasi:http/types@0.2.0" "[resource-drop]outgoing-response" (func $response.drop (param i32)))
  (;use memory answer request;)
  (data (i32.const 1024) "a body\n")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $status i32) (local $probe i32)
    (call $read-target (local.get $request))
    (local.set $status (i32.wrap_i64 (call $number (global.get $query) (global.get $query-len))))
    (local.set $probe (call $response.new (call $fields.new)))
    (if (call $response.set-status (local.get $probe) (local.get $status)) (then (local.set $status (i32.const 418))))
    (call $response.drop (local.get $probe))
    (call $respond (local.get $out) (local.get $status) (i32.const 1024) (i32.const 7))))
