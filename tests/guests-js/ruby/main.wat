;; The main function that npm's CRuby lacks: it starts the interpreter with this command's arguments and loads the script that the
;; first of them names.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args-sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "ruby" "memory" (memory 1))
  (import "ruby" "_initialize" (func $initialize))
  (import "ruby" "cabi_realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
  (import "ruby" "ruby-init: func(args: list<string>) -> ()" (func $init (param i32 i32)))
  (import "ruby" "rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>"
    (func $eval (param i32 i32) (result i32)))
  (func $allocate (param $bytes i32) (result i32)
    (call $realloc (i32.const 0) (i32.const 0) (i32.const 8) (local.get $bytes)))
  ;; The length of a text that a NUL ends, the NUL included.
  (func $length (param $at i32) (result i32)
    (local $len i32)
    (loop $next
      (local.set $len (i32.add (local.get $len) (i32.const 1)))
      (br_if $next (i32.load8_u (i32.sub (i32.add (local.get $at) (local.get $len)) (i32.const 1)))))
    (local.get $len))
  (func $put (param $list i32) (param $index i32) (param $text i32)
    (local.set $list (i32.add (local.get $list) (i32.shl (local.get $index) (i32.const 3))))
    (i32.store (local.get $list) (local.get $text))
    (i32.store offset=4 (local.get $list) (call $length (local.get $text))))
  ;; In place of Ruby's own, which hosts would call before the main function as well.
  (func (export "_initialize"))
  (func (export "_start")
    (local $sizes i32) (local $count i32) (local $texts i32) (local $list i32) (local $n i32) (local $fixed i32)
    (call $initialize)
    (local.set $sizes (call $allocate (i32.const 8)))
    (drop (call $args-sizes (local.get $sizes) (i32.add (local.get $sizes) (i32.const 4))))
    (local.set $count (i32.load (local.get $sizes)))
    (local.set $texts (call $allocate (i32.shl (local.get $count) (i32.const 2))))
    (drop (call $args (local.get $texts) (call $allocate (i32.load offset=4 (local.get $sizes)))))
    ;; ruby -EUTF-8 -e_=0, then the arguments: they become ARGV.
    (local.set $fixed (call $allocate (i32.const 24)))
    (i64.store (local.get $fixed) (i64.const 0x79627572))
    (i64.store offset=8 (local.get $fixed) (i64.const 0x382d465455452d))
    (i64.store offset=16 (local.get $fixed) (i64.const 0x303d5f652d))
    (local.set $list (call $allocate (i32.shl (i32.add (local.get $count) (i32.const 2)) (i32.const 3))))
    (call $put (local.get $list) (i32.const 0) (local.get $fixed))
    (call $put (local.get $list) (i32.const 1) (i32.add (local.get $fixed) (i32.const 8)))
    (call $put (local.get $list) (i32.const 2) (i32.add (local.get $fixed) (i32.const 16)))
    (loop $next
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (if (i32.lt_u (local.get $n) (local.get $count))
        (then
          (call $put (local.get $list) (i32.add (local.get $n) (i32.const 2))
            (i32.load (i32.add (local.get $texts) (i32.shl (local.get $n) (i32.const 2)))))
          (br $next))))
    (call $init (local.get $list) (i32.add (local.get $count) (i32.const 2)))
    ;; PROGRAM
    (if (i32.load offset=4 (call $eval (local.get $sizes) (local.get $n)))
      (then (call $exit (i32.const 1))))))
