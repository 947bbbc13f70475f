//! What is kept: under `to/CODE` the address, under `visits/CODE` how often it was followed.

use wasi::keyvalue::atomics::{self, Cas, CasError};
use wasi::keyvalue::store::{self, Bucket};

wit_bindgen::generate!({
    path: "../../wit/deps/keyvalue",
    world: "imports",
    generate_all,
});

/// Letters and digits that are not taken for each other.
const ALPHABET: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
const CODE_LENGTH: usize = 7;

/// The namespace `links`.
pub struct Links {
    bucket: Bucket,
}

impl Links {
    pub fn open() -> Result<Self, String> {
        store::open("links")
            .map(|bucket| Self { bucket })
            .map_err(|error| format!("opening links: {error:?}"))
    }

    /// Keeps an address under a new code. A code that somebody has taken in the meantime is not taken from them.
    pub fn add(&self, address: &str) -> Result<String, String> {
        loop {
            let code = code();
            let place = Cas::new(&self.bucket, &format!("to/{code}")).map_err(failed)?;
            if place.current().map_err(failed)?.is_some() {
                continue;
            }
            match atomics::swap(place, address.as_bytes()) {
                Ok(()) => return Ok(code),
                Err(CasError::CasFailed(_)) => continue,
                Err(CasError::StoreError(error)) => return Err(failed(error)),
            }
        }
    }

    /// Where a code leads; counts the visit.
    pub fn follow(&self, code: &str) -> Result<Option<String>, String> {
        let Some(address) = self.bucket.get(&format!("to/{code}")).map_err(failed)? else { return Ok(None) };
        atomics::increment(&self.bucket, &format!("visits/{code}"), 1).map_err(failed)?;
        Ok(Some(String::from_utf8_lossy(&address).into_owned()))
    }

    /// How often a code was followed; none when there is no such code.
    pub fn visits(&self, code: &str) -> Result<Option<String>, String> {
        if !self.bucket.exists(&format!("to/{code}")).map_err(failed)? {
            return Ok(None);
        }
        let visits = self.bucket.get(&format!("visits/{code}")).map_err(failed)?;
        Ok(Some(
            visits.map_or_else(|| "0".to_owned(), |number| String::from_utf8_lossy(&number).into_owned()),
        ))
    }
}

fn code() -> String {
    let mut random = [0; CODE_LENGTH];
    wstd::rand::get_random_bytes(&mut random);
    random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

fn failed(error: store::Error) -> String {
    format!("key-value: {error:?}")
}
