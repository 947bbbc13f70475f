;; clock-flood: calls the host without end (C1).
(module
  (;use memory clock;)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (loop $again
      (drop (call $now))
      (br $again))))
