//! The seal of compiled code: what it was made from and by, and a MAC over that and the code itself. Pure.

use std::fmt;
use std::io::{self, Read};

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use store::catalog::{Digest, GuestKind, ProjectId};
use uuid::Uuid;

/// Version of this format; part of what is authenticated.
const FORMAT: u32 = 1;
/// Longest seal file, bytes.
pub(super) const MAX_SEAL_BYTES: u64 = 4 << 10;

/// Which code: compiled once for each project, so that its time tells nobody what another project has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub(super) project: ProjectId,
    pub(super) wasm: Digest,
}

impl Name {
    /// The name of a file without its ending, read back; `None` for anything that [`Name`] would not write.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (project, wasm) = text.split_once('-')?;
        let name = Self { project: ProjectId(Uuid::try_parse(project).ok()?), wasm: Digest::parse(wasm)? };
        (name.to_string() == text).then_some(name)
    }

    pub(super) fn code_file(&self) -> String {
        format!("{self}.cwasm")
    }

    pub(super) fn seal_file(&self) -> String {
        format!("{self}.seal")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.project.0.simple(), self.wasm)
    }
}

/// What stands in a `.seal` file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seal {
    format: u32,
    /// The engine: full version, target, configuration.
    engine: String,
    /// Owner.
    project: ProjectId,
    /// What it was compiled from.
    wasm: Digest,
    /// How it is run.
    pub(super) kind: GuestKind,
    /// Size of the code, bytes.
    size: u64,
    /// HMAC-SHA256 over all of the above and the code, in hexadecimal digits.
    mac: String,
}

/// Makes and checks seals of this server and engine.
#[derive(Clone)]
pub(super) struct Sealer {
    key: [u8; 32],
    engine: String,
}

/// Why code is not trusted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Distrust {
    /// The seal has another form, or belongs to other code, another engine or another project.
    #[error("its seal is not for this {0}")]
    Other(&'static str),
    /// Code or seal were changed.
    #[error("its seal does not match")]
    Mac,
    /// It can't be read.
    #[error("it can't be read")]
    Unreadable(#[source] io::Error),
}

impl Sealer {
    pub(super) fn new(key: [u8; 32], engine: &str) -> Self {
        Self { key, engine: engine.to_owned() }
    }

    pub(super) fn seal(&self, name: &Name, kind: GuestKind, code: &[u8]) -> Result<Seal, Distrust> {
        let mut seal = Seal {
            format: FORMAT,
            engine: self.engine.clone(),
            project: name.project,
            wasm: name.wasm.clone(),
            kind,
            size: code.len() as u64,
            mac: String::new(),
        };
        seal.mac = self.sign(&seal, code)?;
        Ok(seal)
    }

    /// Reads the whole of the code; only a seal that this server made for exactly this code is good.
    pub(super) fn verify(&self, name: &Name, seal: &Seal, code: impl Read) -> Result<(), Distrust> {
        if seal.format != FORMAT {
            return Err(Distrust::Other("version of Ostro"));
        }
        if seal.engine != self.engine {
            return Err(Distrust::Other("engine"));
        }
        if seal.project != name.project || seal.wasm != name.wasm {
            return Err(Distrust::Other("code"));
        }
        let header = Seal { mac: String::new(), ..seal.clone() };
        // One byte more than there should be is enough to know that it is too long.
        self.check(&header, code.take(seal.size.saturating_add(1)), &seal.mac)
    }

    /// The engine that seals are for.
    pub(super) fn engine(&self) -> &str {
        &self.engine
    }

    /// The MAC over a header, which names what the code is of, and the code itself, in hexadecimal digits.
    pub(super) fn sign(&self, header: &impl Serialize, code: impl Read) -> Result<String, Distrust> {
        Ok(hex(&self.mac(header, code)?.finalize().into_bytes()))
    }

    /// Reads the whole of the code; only a MAC that this server made for this header and code is good.
    pub(super) fn check(&self, header: &impl Serialize, code: impl Read, mac: &str) -> Result<(), Distrust> {
        let given = unhex(mac).ok_or(Distrust::Mac)?;
        self.mac(header, code)?.verify_slice(&given).map_err(|_| Distrust::Mac)
    }

    fn mac(&self, header: &impl Serialize, mut code: impl Read) -> Result<Hmac<Sha256>, Distrust> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).map_err(|_| Distrust::Mac)?;
        let header = serde_json::to_vec(header).map_err(|error| Distrust::Unreadable(error.into()))?;
        mac.update(&(header.len() as u64).to_le_bytes());
        mac.update(&header);
        let mut buffer = vec![0; 256 << 10];
        loop {
            let read = code.read(&mut buffer).map_err(Distrust::Unreadable)?;
            match buffer.get(..read) {
                None | Some([]) => return Ok(mac),
                Some(bytes) => mac.update(bytes),
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |text, byte| text + &format!("{byte:02x}"))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair.iter().fold(0, |sum, digit| sum * 16 + digit)).ok())
        .collect()
}
