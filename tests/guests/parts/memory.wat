;; Memory and numbers. 0..1024 is scratch space for results, the guest's data stands from 1024, the heap begins at 8192.
(memory (export "memory") 1)
(global $heap (mut i32) (i32.const 8192))

;; A bump allocator: the host puts strings and lists here. Nothing is freed; guests that stream reset $heap themselves.
(func $alloc (export "cabi_realloc") (param $old i32) (param $old-len i32) (param $align i32) (param $len i32) (result i32)
  (local $at i32) (local $end i32)
  (local.set $at (i32.and
    (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
    (i32.sub (i32.const 0) (local.get $align))))
  (local.set $end (i32.add (local.get $at) (local.get $len)))
  (block $fits
    (br_if $fits (i32.le_u (local.get $end) (i32.shl (memory.size) (i32.const 16))))
    (br_if $fits (i32.ne (i32.const -1) (memory.grow (i32.add (i32.const 1) (i32.shr_u
      (i32.sub (local.get $end) (i32.shl (memory.size) (i32.const 16))) (i32.const 16))))))
    (unreachable))
  (global.set $heap (local.get $end))
  (memory.copy (local.get $at) (local.get $old) (local.get $old-len))
  (local.get $at))

;; Writes a number in decimal to 480..512 and answers where it begins and how long it is.
(func $decimal (param $n i64) (result i32 i32)
  (local $at i32)
  (local.set $at (i32.const 512))
  (loop $digit
    (local.set $at (i32.sub (local.get $at) (i32.const 1)))
    (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $n) (i64.const 10)))))
    (local.set $n (i64.div_u (local.get $n) (i64.const 10)))
    (br_if $digit (i64.ne (local.get $n) (i64.const 0))))
  (local.get $at)
  (i32.sub (i32.const 512) (local.get $at)))

;; Reads a decimal number up to the first byte that is no digit.
(func $number (param $at i32) (param $len i32) (result i64)
  (local $n i64) (local $digit i32)
  (block $end
    (loop $next
      (br_if $end (i32.eqz (local.get $len)))
      (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
      (br_if $end (i32.gt_u (local.get $digit) (i32.const 9)))
      (local.set $n (i64.add (i64.mul (local.get $n) (i64.const 10)) (i64.extend_i32_u (local.get $digit))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $len (i32.sub (local.get $len) (i32.const 1)))
      (br $next)))
  (local.get $n))

;; 1 when two texts are equal.
(func $equal (param $a i32) (param $a-len i32) (param $b i32) (param $b-len i32) (result i32)
  (if (i32.ne (local.get $a-len) (local.get $b-len)) (then (return (i32.const 0))))
  (block $end
    (loop $next
      (br_if $end (i32.eqz (local.get $a-len)))
      (if (i32.ne (i32.load8_u (local.get $a)) (i32.load8_u (local.get $b))) (then (return (i32.const 0))))
      (local.set $a (i32.add (local.get $a) (i32.const 1)))
      (local.set $b (i32.add (local.get $b) (i32.const 1)))
      (local.set $a-len (i32.sub (local.get $a-len) (i32.const 1)))
      (br $next)))
  (i32.const 1))

;; The offset of a byte in a text, or its length when it is not there.
(func $find (param $at i32) (param $len i32) (param $byte i32) (result i32)
  (local $i i32)
  (block $end
    (loop $next
      (br_if $end (i32.ge_u (local.get $i) (local.get $len)))
      (br_if $end (i32.eq (i32.load8_u (i32.add (local.get $at) (local.get $i))) (local.get $byte)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
  (local.get $i))
