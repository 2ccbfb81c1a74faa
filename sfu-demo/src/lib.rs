//! What the binary `sfu-demo` is made of that others can use, too: signaling service and SFU, joined.
#![forbid(unsafe_code)]
// Nothing from outside may bring the process down. What cannot happen is said to the compiler, or
// expected on one function with the reason.
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod host;
mod page;
mod unit;
