;; assets: the file of the request's path out of the read-only folder /assets; 404 when it cannot be opened. On /write/… it
;; asks to write, which no host may allow.
(module
  (import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $preopens (param i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.open-at" (func $open-at (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.read" (func $descriptor.read (param i32 i64 i64 i32)))
  (;use memory answer request;)
  (data (i32.const 1024) "/assets/write/no folder\n")
  (func $open (param $out i32) (param $folder i32)
    (local $write i32)
    (if (i32.ge_u (global.get $path-len) (i32.const 7)) (then
      (local.set $write (call $equal (global.get $path) (i32.const 7) (i32.const 1031) (i32.const 7)))))
    (if (local.get $write) (then
      (global.set $path (i32.add (global.get $path) (i32.const 6)))
      (global.set $path-len (i32.sub (global.get $path-len) (i32.const 6)))))
    ;; open flags: create with /write; descriptor flags: read, and write with /write
    (call $open-at (local.get $folder) (i32.const 1)
      (i32.add (global.get $path) (i32.const 1)) (i32.sub (global.get $path-len) (i32.const 1))
      (local.get $write) (i32.add (i32.const 1) (i32.shl (local.get $write) (i32.const 1))) (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then
      (call $respond (local.get $out) (i32.const 404) (i32.const 0) (i32.const 0))
      (return)))
    (call $descriptor.read (i32.load (i32.const 132)) (i64.const 65536) (i64.const 0) (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then
      (call $respond (local.get $out) (i32.const 404) (i32.const 0) (i32.const 0))
      (return)))
    (call $respond (local.get $out) (i32.const 200) (i32.load (i32.const 132)) (i32.load (i32.const 136))))
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $at i32) (local $left i32)
    (call $read-target (local.get $request))
    (call $preopens (i32.const 128))
    (local.set $at (i32.load (i32.const 128)))
    (local.set $left (i32.load (i32.const 132)))
    (loop $next
      (if (i32.eqz (local.get $left)) (then
        (call $respond (local.get $out) (i32.const 500) (i32.const 1038) (i32.const 10))
        (return)))
      (if (call $equal (i32.load offset=4 (local.get $at)) (i32.load offset=8 (local.get $at)) (i32.const 1024) (i32.const 7)) (then
        (call $open (local.get $out) (i32.load (local.get $at)))
        (return)))
      (local.set $at (i32.add (local.get $at) (i32.const 12)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br $next))))
