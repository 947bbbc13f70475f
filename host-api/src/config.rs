//! `wasi:config/store`: the function's environment and its granted secrets.

use std::collections::BTreeMap;

use wasmtime::component::Linker;

use crate::bindings::wasi::config::store::{Error, Host};
use crate::ctx::{HostCtxView, HostView};
use crate::meter::Interface;

/// Names under which toolchains know the same signatures, beside the one in `wit/deps/config`.
const ALIASES: [&str; 2] = ["wasi:config/store@0.2.0-draft-2024-09-27", "wasi:config/store@0.2.0-draft"];

impl Host for HostCtxView<'_> {
    fn get(&mut self, key: String) -> Result<Option<String>, Error> {
        self.ctx.meter.count(Interface::Config);
        let secret = self.ctx.secrets.get(&key);
        Ok(secret.or_else(|| self.ctx.environment.get(&key).map(String::as_str)).map(str::to_owned))
    }

    fn get_all(&mut self) -> Result<Vec<(String, String)>, Error> {
        self.ctx.meter.count(Interface::Config);
        let mut all: BTreeMap<&str, &str> =
            self.ctx.environment.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        all.extend(self.ctx.secrets.iter());
        Ok(all.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }
}

/// Links the interface under its other names. The signatures are equal, so the generated types fit.
pub(crate) fn add_aliases<T: HostView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    for name in ALIASES {
        let mut instance = linker.instance(name)?;
        instance.func_wrap("get", |mut store, (key,): (String,)| Ok((store.data_mut().host().get(key),)))?;
        instance.func_wrap("get-all", |mut store, (): ()| Ok((store.data_mut().host().get_all(),)))?;
    }
    Ok(())
}
