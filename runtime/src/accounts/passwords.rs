//! Hashing passwords with argon2id: beside the executors, few at once, and as long for nobody as for somebody.

use std::net::IpAddr;
use std::sync::Arc;

use argon2::password_hash::{PasswordHash as Phc, SaltString};
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use store::accounts::PasswordHash;
use store::catalog::ProjectId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::places::{NoPlace, Place, Places};
use crate::problem::Problem;

/// Longest password, bytes: hashing reads all of it.
pub const MAX_PASSWORD_BYTES: usize = 1 << 10;
/// Shortest password, characters (NIST SP 800-63B section 5.1.1.2).
pub const MIN_PASSWORD_CHARACTERS: usize = 8;
/// Memory of one hash, KiB. With [`PASSES`] and [`LANES`] it is what OWASP asks of argon2id.
const MEMORY_KIB: u32 = 19_456;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Lanes of the memory.
const LANES: u32 = 1;
/// Passwords that are hashed at once: each takes a core and [`MEMORY_KIB`].
const AT_ONCE: usize = 2;
/// Passwords that are hashed or wait for it: beyond that somebody wants to keep the server busy.
const IN_ALL: u32 = 64;
/// Of those, of one project.
const OF_PROJECT: u32 = 32;
/// Of those, from one network.
const FROM_NETWORK: u32 = 16;
/// Of those of a project, for its functions: the others are for who comes from outside.
const FOR_FUNCTIONS: u32 = 16;
/// For functions of all projects: several that are asked by many leave room, too.
const FOR_ALL_FUNCTIONS: u32 = 24;
/// For operators, of one project or of all.
const FOR_OPERATORS: u32 = 8;

/// Refuses what is too short to be kept as a password: `weak_password`.
pub fn check_strength(password: &str) -> Result<(), Problem> {
    match password.chars().count() < MIN_PASSWORD_CHARACTERS {
        true => {
            let message = format!("a password has {MIN_PASSWORD_CHARACTERS} characters at least");
            Err(Problem::new(400, "weak_password", message))
        }
        false => Ok(()),
    }
}

/// Whose password is hashed: in a project, for whom.
pub type Asking = (ProjectId, Asker);

/// For whom a password is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A client of that network.
    Network(IpAddr),
    /// A function of the project, which says nothing of its own callers.
    Function,
    /// An operator of the project.
    Operator,
}

/// What a hash takes, until it is done.
struct Held {
    _running: OwnedSemaphorePermit,
    _project: Place,
    _share: Share,
}

/// The place among those of the same kind.
enum Share {
    Network { _place: Place<IpAddr> },
    OfProject { _place: Place },
}

/// Hashes passwords, and compares them. A cheap handle: clones share their bounds.
#[derive(Clone)]
pub struct Passwords {
    running: Arc<Semaphore>,
    of_projects: Places,
    from_networks: Places<IpAddr>,
    for_functions: Places,
    for_operators: Places,
    /// The hash of what nobody knows: an account that is not there is compared with it.
    nobody: Arc<str>,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords")
    }
}

impl Passwords {
    /// Hashes once, so that there is something to compare with where there is no account. Blocks for as long as a hash takes.
    pub fn new() -> Result<Self, Problem> {
        let nobody = hash(&super::secrets::random_text::<32>()?)?;
        Ok(Self {
            running: Arc::new(Semaphore::new(AT_ONCE)),
            of_projects: Places::new(OF_PROJECT, IN_ALL),
            from_networks: Places::new(FROM_NETWORK, IN_ALL),
            for_functions: Places::new(FOR_FUNCTIONS, FOR_ALL_FUNCTIONS),
            for_operators: Places::new(FOR_OPERATORS, FOR_OPERATORS),
            nobody: nobody.0.into(),
        })
    }

    /// The hash of a new password, with a salt of its own. `busy` when too many wait.
    pub async fn hash(&self, asking: Asking, password: String) -> Result<PasswordHash, Problem> {
        let held = self.place(asking).await?;
        aside(held, move || hash(&password)).await?
    }

    /// Whether the password is that one; none is nobody's, and takes as long to be told. `busy` when too many wait.
    pub async fn verify(
        &self,
        asking: Asking,
        password: String,
        known: Option<&PasswordHash>,
    ) -> Result<bool, Problem> {
        let held = self.place(asking).await?;
        let is_somebody = known.is_some();
        let known: Arc<str> = known.map_or_else(|| self.nobody.clone(), |known| known.0.as_str().into());
        let same = aside(held, move || verify(&password, &known)).await??;
        Ok(same && is_somebody)
    }

    /// One client keeps no other one waiting for long, nor one project the others.
    async fn place(&self, (project, asker): Asking) -> Result<Held, Problem> {
        let full = |NoPlace| busy();
        let share = match asker {
            Asker::Network(network) => {
                self.from_networks.begin(network).map(|_place| Share::Network { _place })
            }
            Asker::Function => self.for_functions.begin(project).map(|_place| Share::OfProject { _place }),
            Asker::Operator => self.for_operators.begin(project).map(|_place| Share::OfProject { _place }),
        };
        let _share = share.map_err(full)?;
        let _project = self.of_projects.begin(project).map_err(full)?;
        let _running = self.running.clone().acquire_owned().await.map_err(|_| busy())?;
        Ok(Held { _running, _project, _share })
    }
}

/// On a thread that may compute for long. The places are taken until it ends, also when nobody waits any more.
async fn aside<T: Send + 'static>(
    held: Held,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let work = move || {
        let done = work();
        drop(held);
        done
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))
}

fn argon2() -> Result<Argon2<'static>, Problem> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| failed(&error))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<PasswordHash, Problem> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| failed(&error))?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| failed(&error))?;
    let hash = argon2()?.hash_password(password.as_bytes(), &salt).map_err(|error| failed(&error))?;
    Ok(PasswordHash(hash.to_string()))
}

/// By the parameters that stand in the hash: older ones go on to work.
fn verify(password: &str, known: &str) -> Result<bool, Problem> {
    let known = Phc::new(known).map_err(|error| failed(&error))?;
    Ok(argon2()?.verify_password(password.as_bytes(), &known).is_ok())
}

fn busy() -> Problem {
    Problem::new(503, "busy", "too many people sign in at once")
}

fn failed(error: &dyn std::fmt::Display) -> Problem {
    Problem::internal(&std::io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let passwords = Passwords::new().unwrap();
        let known = passwords.hash(asking(1, 1), "correct horse".to_owned()).await.unwrap();
        let again = passwords.hash(asking(1, 1), "correct horse".to_owned()).await.unwrap();
        assert!(known.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", known.0);
        assert_ne!(known, again, "salted");
        let is = |text: &str| {
            let (passwords, known, text) = (passwords.clone(), known.clone(), text.to_owned());
            async move { passwords.verify(asking(1, 1), text, Some(&known)).await.unwrap() }
        };
        assert!(is("correct horse").await);
        for other in ["", "correct hors", "correct horse ", "Correct horse", &known.0] {
            assert!(!is(other).await, "{other}");
        }
        assert!(!passwords.verify(asking(1, 1), "correct horse".to_owned(), None).await.unwrap());
    }

    fn asking(project: u128, network: u8) -> Asking {
        (ProjectId(uuid::Uuid::from_u128(project)), Asker::Network(IpAddr::from([192, 0, 2, network])))
    }

    /// Neither a function that is asked by many nor operators keep clients out.
    #[tokio::test]
    async fn f2_functions_and_operators_have_shares() {
        let passwords = Passwords::new().unwrap();
        let (project, _) = asking(1, 1);
        let mut held = Vec::new();
        for (asker, most) in [(Asker::Function, FOR_FUNCTIONS), (Asker::Operator, FOR_OPERATORS)] {
            let places = match asker {
                Asker::Function => &passwords.for_functions,
                _ => &passwords.for_operators,
            };
            held.extend((0..most).map(|_| places.begin(project).unwrap()));
            held.extend((0..most).map(|_| passwords.of_projects.begin(project).unwrap()));
            let refused = passwords.verify((project, asker), "x".to_owned(), None).await.unwrap_err();
            assert_eq!(refused.code, "busy", "{asker:?}");
        }
        assert!(!passwords.verify(asking(1, 1), "x".to_owned(), None).await.unwrap(), "clients have room");
        // Nor do those of several projects together.
        let (second, third) = (asking(2, 1).0, asking(3, 1).0);
        while let Ok(place) = passwords.for_functions.begin(second) {
            held.push(place);
        }
        for asking in [(second, Asker::Function), (third, Asker::Function), (third, Asker::Operator)] {
            assert_eq!(passwords.verify(asking, "x".to_owned(), None).await.unwrap_err().code, "busy");
        }
        assert!(!passwords.verify(asking(3, 1), "x".to_owned(), None).await.unwrap(), "clients have room");
        drop(held);
        assert!(!passwords.verify((project, Asker::Function), "x".to_owned(), None).await.unwrap());
    }

    /// A flood of sign-ins costs two cores at most, and no more memory than is bounded (threat F2).
    #[tokio::test]
    async fn f2_a_flood_is_refused() {
        let passwords = Passwords::new().unwrap();
        let held: Vec<_> = {
            let places = (0..AT_ONCE).map(|_| passwords.running.clone().try_acquire_owned().unwrap());
            places.collect()
        };
        let verify = |asking: Asking| {
            let passwords = passwords.clone();
            async move { passwords.verify(asking, "x".to_owned(), None).await }
        };
        // Clients of two networks fill what one project may have.
        let flood: Vec<_> = [1, 2]
            .iter()
            .flat_map(|network| std::iter::repeat_n(asking(1, *network), FROM_NETWORK as usize))
            .map(|asking| tokio::spawn(verify(asking)))
            .collect();
        while passwords.of_projects.begin(asking(1, 0).0).is_ok() {
            tokio::task::yield_now().await;
        }
        for full in [asking(2, 1), asking(1, 3)] {
            let refused = verify(full).await.unwrap_err();
            assert_eq!((refused.status.as_u16(), refused.code), (503, "busy"), "{full:?}");
        }
        let other = tokio::spawn(verify(asking(2, 3)));
        tokio::task::yield_now().await;
        assert!(!other.is_finished(), "another one waits for its turn");
        other.abort();
        flood.iter().for_each(tokio::task::JoinHandle::abort);
        drop(held);
        for waiting in flood {
            assert!(waiting.await.is_err());
        }
        assert!(!verify(asking(1, 1)).await.unwrap(), "there is room again");
    }
}
