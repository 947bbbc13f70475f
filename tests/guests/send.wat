;; send: sends to the queue that the query names. Its path is `/` and the number of messages; the body is the list of them as it
;; shall lie in memory from 1 MiB on. Answers with their ids, a line each, or with the error: a status of its own, and its text.
(module
  (import "ostro:queue/producer@0.1.0" "send" (func $send (param i32 i32 i32 i32 i32)))
  (;use memory answer request body;)
  ;; the statuses of denied, unknown-queue, full, invalid and unavailable, two bytes each; a line end
  (data (i32.const 1024) "\93\01\94\01\ad\01\a6\01\f7\01\n")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $from i32) (local $at i32) (local $len i32) (local $to i32) (local $kept i32) (local $case i32)
    (drop (memory.grow (i32.const 192)))
    (call $read-target (local.get $request))
    (local.set $kept (global.get $heap))
    (local.set $to (i32.const 0x100000))
    (local.set $from (call $open-body (local.get $request)))
    (block $end
      (loop $next
        (global.set $heap (local.get $kept))
        (call $read (local.get $from))
        (local.set $len) (local.set $at)
        (br_if $end (i32.eqz (local.get $len)))
        (memory.copy (local.get $to) (local.get $at) (local.get $len))
        (local.set $to (i32.add (local.get $to) (local.get $len)))
        (br $next)))
    ;; what comes back is put behind the messages
    (global.set $heap (i32.const 0xb80000))
    ;; result<list<string>, error>: at 128; the list at 132 and 136, or the error's case at 132 and its text at 136 and 140
    (call $send (global.get $query) (global.get $query-len) (i32.const 0x100000)
      (i32.wrap_i64 (call $number
        (i32.add (global.get $path) (i32.const 1)) (i32.sub (global.get $path-len) (i32.const 1))))
      (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then
      (local.set $case (i32.load8_u (i32.const 132)))
      (call $start (local.get $out)
        (i32.load16_u (i32.add (i32.const 1024) (i32.shl (local.get $case) (i32.const 1)))))
      (if (i32.ne (local.get $case) (i32.const 2)) (then
        (call $write (i32.load (i32.const 136)) (i32.load (i32.const 140)))))
      (call $finish)
      (return)))
    (call $start (local.get $out) (i32.const 200))
    (local.set $at (i32.load (i32.const 132)))
    (local.set $len (i32.load (i32.const 136)))
    (block $sent
      (loop $next
        (br_if $sent (i32.eqz (local.get $len)))
        (call $write (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)))
        (call $write (i32.const 1034) (i32.const 1))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (local.set $len (i32.sub (local.get $len) (i32.const 1)))
        (br $next)))
    (call $finish)))
