//! What the binary `sfu-demo` is made of that others can use, too: signaling service and SFU, joined.
#![forbid(unsafe_code)]

pub mod host;
mod page;
mod unit;
