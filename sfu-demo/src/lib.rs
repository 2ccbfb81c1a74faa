//! What the binary `sfu-demo` is made of that others can use, too: signaling service and SFU, joined.

pub mod host;
mod page;
mod unit;
