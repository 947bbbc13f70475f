//! What the platform itself answers to clients under `/_ostro/` on the hosts of projects. No guest is reached from here.

pub mod objects;
