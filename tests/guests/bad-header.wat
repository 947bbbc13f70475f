;; bad-header: tries to set the response header that the query names, and tells what the host said (D8, C15).
(module
  (;use memory answer request;)
  (data (i32.const 1024) "acceptedsyntax  forbiddenimmutable")
  (data (i32.const 1072) "1\0d\0ainjected: yes")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $case i32)
    (call $read-target (local.get $request))
    ;; on /split the value carries a line break
    (local.set $case (select
      (i32.add (i32.const 1) (i32.load8_u (i32.const 17)))
      (i32.const 0)
      (call $header (global.get $query) (global.get $query-len) (i32.const 1072)
        (select (i32.const 16) (i32.const 1) (i32.eq (global.get $path-len) (i32.const 6))))))
    (call $start (local.get $out) (i32.const 200))
    (if (i32.eqz (local.get $case)) (then (call $write (i32.const 1024) (i32.const 8))))
    (if (i32.eq (local.get $case) (i32.const 1)) (then (call $write (i32.const 1032) (i32.const 6))))
    (if (i32.eq (local.get $case) (i32.const 2)) (then (call $write (i32.const 1040) (i32.const 9))))
    (if (i32.eq (local.get $case) (i32.const 3)) (then (call $write (i32.const 1049) (i32.const 9))))
    (call $finish)))
