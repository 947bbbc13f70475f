;; batch: prints how many messages came, then does for each what its body says, and prints that. By its first letter: `f` is named as
;; failed, `r2000` too and wants to come again in 2,000 ms, `t` traps, `e` refuses all, `s500` sleeps 500 ms; everything else is done.
;; world: queued
(module
  (;use memory answer clock log;)
  (data (i32.const 1024) "\nasked to failasked to refuse all")
  ;; result<list<failure>, string>: the case at 768, then where and how long
  (func $give (param $case i32) (param $at i32) (param $len i32) (result i32)
    (i32.store8 (i32.const 768) (local.get $case))
    (i32.store (i32.const 772) (local.get $at))
    (i32.store (i32.const 776) (local.get $len))
    (i32.const 768))
  ;; one failure: id, reason, option<u64>; 32 bytes
  (func $name (param $failure i32) (param $message i32) (param $again i32) (param $after i64)
    (i32.store (local.get $failure) (i32.load (local.get $message)))
    (i32.store offset=4 (local.get $failure) (i32.load offset=4 (local.get $message)))
    (i32.store offset=8 (local.get $failure) (i32.const 1025))
    (i32.store offset=12 (local.get $failure) (i32.const 13))
    (i32.store8 offset=16 (local.get $failure) (local.get $again))
    (i64.store offset=24 (local.get $failure) (local.get $after)))
  ;; messages are 48 bytes: id at 0, body at 8, content type at 16, sent at 24, start at 32, order key at 36
  (func (export "ostro:triggers/queued@0.1.0#handle")
    (param $queue i32) (param $queue-len i32) (param $message i32) (param $count i32) (result i32)
    (local $failures i32) (local $failed i32) (local $at i32) (local $len i32) (local $letter i32)
    (local.set $failures (call $alloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.mul (local.get $count) (i32.const 32))))
    (call $print (call $decimal (i64.extend_i32_u (local.get $count))))
    (call $print (i32.const 1024) (i32.const 1))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $count)))
        (local.set $at (i32.load offset=8 (local.get $message)))
        (local.set $len (i32.load offset=12 (local.get $message)))
        (call $print (local.get $at) (local.get $len))
        (call $print (i32.const 1024) (i32.const 1))
        (local.set $letter (i32.load8_u (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $len (i32.sub (local.get $len) (i32.const 1)))
        (if (i32.eq (local.get $letter) (i32.const 116)) (then (unreachable)))
        (if (i32.eq (local.get $letter) (i32.const 101))
          (then (return (call $give (i32.const 1) (i32.const 1038) (i32.const 19)))))
        (if (i32.eq (local.get $letter) (i32.const 115))
          (then (call $sleep (call $number (local.get $at) (local.get $len)))))
        (if (i32.or (i32.eq (local.get $letter) (i32.const 102)) (i32.eq (local.get $letter) (i32.const 114))) (then
          (call $name
            (i32.add (local.get $failures) (i32.mul (local.get $failed) (i32.const 32)))
            (local.get $message)
            (i32.eq (local.get $letter) (i32.const 114))
            (call $number (local.get $at) (local.get $len)))
          (local.set $failed (i32.add (local.get $failed) (i32.const 1)))))
        (local.set $message (i32.add (local.get $message) (i32.const 48)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (call $give (i32.const 0) (local.get $failures) (local.get $failed))))
