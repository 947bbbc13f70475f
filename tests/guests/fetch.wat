;; fetch: gets the URL in the query and answers "STATUS\nBODY", or "error N", N being the error-code's number (C11 to C16).
;; A path "/NAME" sends the header NAME: 1 along; a header that the host refuses is told as "header refused".
(module
  (;use memory answer request clock outbound;)
  (data (i32.const 1024) "error url\nheader refused\n1broken\n")
  (func $tell (param $out i32) (param $at i32) (param $len i32)
    (call $respond (local.get $out) (i32.const 200) (local.get $at) (local.get $len)))
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $sent i32) (local $case i32) (local $at i32) (local $len i32)
    (call $read-target (local.get $request))
    (local.set $sent (call $fields.new))
    (if (i32.gt_u (global.get $path-len) (i32.const 1)) (then
      (call $fields.append (local.get $sent) (i32.add (global.get $path) (i32.const 1))
        (i32.sub (global.get $path-len) (i32.const 1)) (i32.const 1049) (i32.const 1) (i32.const 16))
      (if (i32.load8_u (i32.const 16)) (then (call $tell (local.get $out) (i32.const 1034) (i32.const 15)) (return)))))
    (local.set $case (call $fetch (local.get $sent) (global.get $query) (global.get $query-len)))
    (if (i32.eq (local.get $case) (i32.const 2)) (then (call $tell (local.get $out) (i32.const 1024) (i32.const 10)) (return)))
    (call $start (local.get $out) (i32.const 200))
    (if (i32.eq (local.get $case) (i32.const 1)) (then (call $write (i32.const 1024) (i32.const 6))))
    (call $write (call $decimal (i64.extend_i32_u (global.get $fetched-status))))
    (call $write (i32.const 1033) (i32.const 1))
    (if (i32.eqz (local.get $case)) (then
      (block $end
        (loop $next
          (call $read-fetched)
          (local.set $len) (local.set $at)
          (br_if $end (i32.eqz (local.get $len)))
          (if (i32.eq (local.get $len) (i32.const -1)) (then (call $write (i32.const 1050) (i32.const 7)) (br $end)))
          (call $write (local.get $at) (local.get $len))
          (br $next)))))
    (call $finish)))
