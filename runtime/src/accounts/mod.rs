//! What people prove who they are with: passwords, access tokens, tokens that are good for one use, and how often one may
//! be wrong. `store::accounts` keeps what comes of it.

pub mod attempts;
mod jwt;
pub mod mails;
pub mod passwords;
pub mod secrets;
pub mod tokens;
