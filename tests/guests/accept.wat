;; accept: is done with every message at once, without a word, except with those that begin with `f`, which it names: the least work
;; that a consumer can do.
;; world: queued
(module
  (;use memory;)
  (data (i32.const 1024) "asked to fail")
  ;; messages are 48 bytes: id at 0, body at 8; failures 32: id, reason, option<u64>
  (func (export "ostro:triggers/queued@0.1.0#handle")
    (param $queue i32) (param $queue-len i32) (param $message i32) (param $count i32) (result i32)
    (local $failures i32) (local $failure i32)
    (local.set $failures (call $alloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.mul (local.get $count) (i32.const 32))))
    (local.set $failure (local.get $failures))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $count)))
        (if (i32.load offset=12 (local.get $message)) (then
          (if (i32.eq (i32.load8_u (i32.load offset=8 (local.get $message))) (i32.const 102)) (then
            (i32.store (local.get $failure) (i32.load (local.get $message)))
            (i32.store offset=4 (local.get $failure) (i32.load offset=4 (local.get $message)))
            (i32.store offset=8 (local.get $failure) (i32.const 1024))
            (i32.store offset=12 (local.get $failure) (i32.const 13))
            (i32.store8 offset=16 (local.get $failure) (i32.const 0))
            (local.set $failure (i32.add (local.get $failure) (i32.const 32)))))))
        (local.set $message (i32.add (local.get $message) (i32.const 48)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store8 (i32.const 768) (i32.const 0))
    (i32.store (i32.const 772) (local.get $failures))
    (i32.store (i32.const 776) (i32.shr_u (i32.sub (local.get $failure) (local.get $failures)) (i32.const 5)))
    (i32.const 768)))
