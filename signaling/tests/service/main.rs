//! The service over real sockets: the binary as it is shipped, and the library where a limit has
//! to be made small enough to reach.

mod binary;
mod durable;
mod hostile;
#[allow(dead_code, reason = "another test program uses the rest")]
#[path = "../../../tests/hunt/mod.rs"]
mod hunt;
mod limits;
mod peer;
mod process;
mod secrets;
mod slow;
mod tls;
mod tokens;
mod web;
