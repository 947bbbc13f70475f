;; call: gets the URL that stands in the request's body, then answers: its call is the first thing that it does.
(module
  (;use memory answer body clock outbound;)
  (data (i32.const 1024) "called\n")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $case i32)
    (call $fields.new)
    (call $read (call $open-body (local.get $request)))
    (local.set $case (call $fetch))
    (call $respond (local.get $out) (select (i32.const 502) (i32.const 200) (local.get $case)) (i32.const 1024) (i32.const 7))))
