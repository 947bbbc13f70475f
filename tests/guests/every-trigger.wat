;; every-trigger: can be started by a request, a slot of a schedule and messages of a queue, and prints which of them it was.
;; world: every-trigger
(module
  (;use memory answer log;)
  (data (i32.const 1024) "http\nscheduled\nqueued\n")
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (call $print (i32.const 1024) (i32.const 5))
    (call $respond (local.get $out) (i32.const 200) (i32.const 1024) (i32.const 4)))
  (func (export "ostro:triggers/scheduled@0.1.0#handle")
    (param $job i32) (param $job-len i32) (param $schedule i32) (param $schedule-len i32)
    (param $zone i32) (param $zone-len i32) (param $time i64) (param $missed i32) (param $start i32) (result i32)
    (call $print (i32.const 1029) (i32.const 10))
    ;; result<_, string>: the case lies at 768
    (i32.store8 (i32.const 768) (i32.const 0))
    (i32.const 768))
  (func (export "ostro:triggers/queued@0.1.0#handle")
    (param $queue i32) (param $queue-len i32) (param $messages i32) (param $count i32) (result i32)
    (call $print (i32.const 1039) (i32.const 7))
    ;; result<list<failure>, string>: the case lies at 768, then where the list is and how long: empty
    (i32.store8 (i32.const 768) (i32.const 0))
    (i32.store (i32.const 776) (i32.const 0))
    (i32.const 768)))
