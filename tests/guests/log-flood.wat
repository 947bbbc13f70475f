;; log-flood: half a megabyte of log in one line, then half a megabyte of short lines (C3).
(module
  (;use memory answer log;)
  (data (i32.const 1024) "0123456789012345678901234567890123456789012345678901234567890123\n")
  (data (i32.const 1100) "flooded\n")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $left i32)
    (local.set $left (i32.const 8192))
    (loop $long
      (call $print (i32.const 1024) (i32.const 64))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $long (local.get $left)))
    (local.set $left (i32.const 8192))
    (loop $lines
      (call $print (i32.const 1025) (i32.const 64))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $lines (local.get $left)))
    (call $respond (local.get $out) (i32.const 200) (i32.const 1100) (i32.const 8))))
