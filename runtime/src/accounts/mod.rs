//! What people prove who they are with: passwords, access tokens, tokens that are good for one use, and how often one may
//! be wrong; their sessions, and the desk at which functions ask for them. `store::accounts` keeps what comes of it.

pub mod attempts;
pub mod cookie;
pub mod desk;
pub mod identities;
pub mod issuers;
mod jwt;
pub mod mails;
pub mod passwords;
pub mod recorded;
pub mod secrets;
pub mod sessions;
pub mod tokens;
