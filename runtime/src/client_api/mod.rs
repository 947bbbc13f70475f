//! What the platform itself answers to clients on the hosts of projects: under `/_ostro/`, and the files of sites. No guest
//! is reached from here.

pub mod auth;
pub mod objects;
pub mod site;
