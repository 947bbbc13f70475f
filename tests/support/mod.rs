//! What the tests stand on: the product in a process, a client that hides nothing, guests, bad neighbours.

pub mod clock;
pub mod control;
pub mod dev;
pub mod example;
pub mod guest;
pub mod hostile;
pub mod http;
pub mod http2;
pub mod jobs;
pub mod neighbour;
pub mod script;
pub mod server;
pub mod site;
pub mod smtp;
pub mod terminal;
pub mod upstream;

pub use control::Control;
pub use http::{Answer, Connection, Ended, Request};
pub use neighbour::Neighbour;
pub use server::{Server, shared};
