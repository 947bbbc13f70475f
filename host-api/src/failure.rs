//! How a call of a guest fails: it is told, or it ends.

use wasmtime::component::ResourceTableError;

/// Why a call of a guest fails. `E` is the error of its interface.
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
#[derive(Debug)]
pub enum Failure<E> {
    /// It is told.
    Told(E),
    /// It has used a handle that it does not have, or holds too many.
    Trap(ResourceTableError),
}

/// The error of an interface.
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
pub trait Told {}

impl<E> Failure<E> {
    /// What the guest is told; an error ends it.
    pub(crate) fn told(self) -> wasmtime::Result<E> {
        match self {
            Self::Told(error) => Ok(error),
            Self::Trap(error) => Err(error.into()),
        }
    }
}

impl<E: Told> From<E> for Failure<E> {
    fn from(error: E) -> Self {
        Self::Told(error)
    }
}

impl<E> From<ResourceTableError> for Failure<E> {
    fn from(error: ResourceTableError) -> Self {
        Self::Trap(error)
    }
}
