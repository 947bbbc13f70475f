//! `ostro:auth`: who calls.

mod identity;
