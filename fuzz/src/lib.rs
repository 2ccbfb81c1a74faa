//! Bodies of fuzz targets: each takes any bytes, makes of them what comes from outside, and panics
//! where a promise is broken. `fuzz_targets/` gives them to libFuzzer, `tests/replay.rs` replays
//! what it found.
#![forbid(unsafe_code)]

mod call;
mod certificates;
mod edit;
mod envelopes;
mod group;
mod honest;
mod json;
mod media;
mod room;
mod saved;
mod texts;
mod world;

pub use call::call;
pub use certificates::certificates;
pub use envelopes::{client_message, service_message};
pub use group::group;
pub use media::{frame, headers, packet};
pub use room::room;
pub use saved::saved;
pub use texts::{codes, policy, token};

use arbitrary::{Arbitrary, Unstructured};

/// A target's body.
pub type Target = fn(&[u8]);

/// Every target by its name: that of its file in `fuzz_targets/` and of its folder in `corpus/`.
pub const TARGETS: [(&str, Target); 13] = [
    ("call", call),
    ("certificates", certificates),
    ("client_message", client_message),
    ("codes", codes),
    ("frame", frame),
    ("group", group),
    ("headers", headers),
    ("packet", packet),
    ("policy", policy),
    ("room", room),
    ("saved", saved),
    ("service_message", service_message),
    ("token", token),
];

/// Structured input out of plain bytes; nothing if there are too few.
fn structured<'a, T: Arbitrary<'a>>(data: &'a [u8]) -> Option<T> {
    T::arbitrary_take_rest(Unstructured::new(data)).ok()
}
