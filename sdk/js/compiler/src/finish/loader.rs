//! What stands for the module loader in a function that has been built: it says that there are no more modules.

use anyhow::{Context, Result};

/// What an `import()` of an unknown module rejects with.
const WORD: &str = "modules are loaded while a function is built: import() needs a name that is written out";

/// A component with the exports of the loader. It has no memory until it is called, so that it costs nothing to start.
pub(super) fn component() -> Result<Vec<u8>> {
    wat::parse_str(text()).context("the module loader's stand-in")
}

fn text() -> String {
    let length = WORD.len();
    let answer = 16 + length;
    format!(
        r#"(component
  (core module $code
    (memory (export "memory") 0)
    (data $word "{WORD}")
    ;; Where the next text of a call goes.
    (global $top (mut i32) (i32.const 0))
    (func $allocate (export "allocate") (param i32 i32 i32 i32) (result i32)
      (local $at i32) (local $pages i32)
      (local.set $at (global.get $top))
      (global.set $top (i32.add (local.get $at) (local.get 3)))
      (local.set $pages (i32.shr_u (i32.add (global.get $top) (i32.const 65535)) (i32.const 16)))
      (if (i32.gt_u (local.get $pages) (memory.size))
        (then (if (i32.eq (i32.const -1) (memory.grow (i32.sub (local.get $pages) (memory.size))))
          (then unreachable))))
      (local.get $at))
    ;; The answer stands where the texts of the call stood, and so do those of the next one.
    (func $refuse (result i32)
      (global.set $top (i32.const 0))
      (drop (call $allocate (i32.const 0) (i32.const 0) (i32.const 4) (i32.const {answer})))
      (global.set $top (i32.const 0))
      (i32.store8 (i32.const 0) (i32.const 1))
      (i32.store offset=4 (i32.const 0) (i32.const 16))
      (i32.store offset=8 (i32.const 0) (i32.const {length}))
      (memory.init $word (i32.const 16) (i32.const 0) (i32.const {length}))
      (i32.const 0))
    (func (export "resolve") (param i32 i32 i32 i32) (result i32) (call $refuse))
    (func (export "load") (param i32 i32) (result i32) (call $refuse)))
  (core instance $code (instantiate $code))
  (alias core export $code "memory" (core memory $memory))
  (alias core export $code "allocate" (core func $allocate))
  (alias core export $code "resolve" (core func $resolve))
  (alias core export $code "load" (core func $load))
  (type $answer (result string (error string)))
  (func $resolve (param "referrer" string) (param "specifier" string) (result $answer)
    (canon lift (core func $resolve) (memory $memory) (realloc $allocate)))
  (func $load (param "path" string) (result $answer)
    (canon lift (core func $load) (memory $memory) (realloc $allocate)))
  (export "resolve" (func $resolve))
  (export "load" (func $load)))"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_component() {
        let component = component().unwrap();
        wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all())
            .validate_all(&component)
            .unwrap();
    }

    #[test]
    fn it_refuses_without_end_in_two_pages() {
        let engine = wasmtime::Engine::default();
        let component = wasmtime::component::Component::new(&engine, component().unwrap()).unwrap();
        let limits = wasmtime::StoreLimitsBuilder::new().memory_size(2 * 65_536).build();
        let mut store = wasmtime::Store::new(&engine, limits);
        store.limiter(|limits| limits);
        let linker = wasmtime::component::Linker::new(&engine);
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let resolve = instance
            .get_typed_func::<(&str, &str), (Result<String, String>,)>(&mut store, "resolve")
            .unwrap();
        let long = "x".repeat(70_000);
        for specifier in ["", "a", long.as_str()].repeat(50) {
            let (answer,) = resolve.call(&mut store, ("from", specifier)).unwrap();
            assert_eq!(answer, Err(WORD.to_owned()));
        }
    }
}
