//! What is kept: under `to/CODE` the address, under `visits/CODE` how often it was followed.

use ostro::kv::{self, Namespace, Result};

/// Letters and digits that are not taken for each other.
const ALPHABET: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
const CODE_LENGTH: usize = 7;

/// The namespace `links`.
pub struct Links {
    kept: Namespace,
}

impl Links {
    pub fn open() -> Result<Self> {
        Ok(Self { kept: kv::namespace("links")? })
    }

    /// Keeps an address under a new code. A code that somebody has taken in the meantime is not taken from them.
    pub fn add(&self, address: &str) -> Result<String> {
        loop {
            let code = code();
            if self.kept.add(&format!("to/{code}"), address)? {
                return Ok(code);
            }
        }
    }

    /// Where a code leads; counts the visit.
    pub fn follow(&self, code: &str) -> Result<Option<String>> {
        let Some(address) = self.kept.get(&format!("to/{code}"))? else { return Ok(None) };
        self.kept.increment(&format!("visits/{code}"), 1)?;
        Ok(Some(String::from_utf8_lossy(&address).into_owned()))
    }

    /// How often a code was followed; none when there is no such code.
    pub fn visits(&self, code: &str) -> Result<Option<u64>> {
        match self.kept.exists(&format!("to/{code}"))? {
            true => Ok(Some(self.kept.get_json(&format!("visits/{code}"))?.unwrap_or(0))),
            false => Ok(None),
        }
    }
}

fn code() -> String {
    let mut random = [0; CODE_LENGTH];
    wstd::rand::get_random_bytes(&mut random);
    random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}
