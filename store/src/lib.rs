//! Where Ostro's state lives. The only package that names a driver; [`open`] is the only factory.

pub mod catalog;
mod error;

pub use error::StoreError;
