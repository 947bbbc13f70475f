;; spin: never does anything but run.
(module
  (;use command;)
  (func (export "_start")
    (loop $more (br $more))))
