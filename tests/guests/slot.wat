;; slot: prints what it is told of a slot: schedule, time zone, milliseconds, missed, start. Schedules that begin with 7 fail.
;; world: scheduled
(module
  (;use memory answer log;)
  (data (i32.const 1024) "|\nasked to fail")
  (func $part (param $at i32) (param $len i32)
    (call $print (local.get $at) (local.get $len))
    (call $print (i32.const 1024) (i32.const 1)))
  (func (export "ostro:triggers/scheduled@0.1.0#handle")
    (param $job i32) (param $job-len i32) (param $schedule i32) (param $schedule-len i32)
    (param $zone i32) (param $zone-len i32) (param $time i64) (param $missed i32) (param $start i32) (result i32)
    (call $part (local.get $schedule) (local.get $schedule-len))
    (call $part (local.get $zone) (local.get $zone-len))
    (call $part (call $decimal (local.get $time)))
    (call $part (call $decimal (i64.extend_i32_u (local.get $missed))))
    (call $print (call $decimal (i64.extend_i32_u (local.get $start))))
    (call $print (i32.const 1025) (i32.const 1))
    ;; result<_, string>: the case at 768, then where and how long
    (i32.store8 (i32.const 768) (i32.eq (i32.load8_u (local.get $schedule)) (i32.const 55)))
    (i32.store (i32.const 772) (i32.const 1026))
    (i32.store (i32.const 776) (i32.const 13))
    (i32.const 768)))
