//! The service over real sockets: the binary as it is shipped, and the library where a limit has
//! to be made small enough to reach.

mod binary;
mod durable;
mod hostile;
mod limits;
mod peer;
mod process;
mod slow;
mod tls;
mod tokens;
mod web;
