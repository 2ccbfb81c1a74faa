//! What a program says on stderr of what it does.

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
pub use tracing_subscriber::filter::ParseError;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;

/// Libraries whose most talkative levels show what lets somebody in, with the last level that does
/// not: every message of a WebSocket, tokens and sessions included; the passwords of ICE.
const CAPPED: [(&str, Level); 2] = [
    ("tungstenite", Level::DEBUG),
    ("rtc_ice::agent", Level::INFO),
];

/// Whether this is a filter in the syntax of tracing's `EnvFilter`.
///
/// # Errors
/// What is wrong with it.
pub fn check(filter: &str) -> Result<(), ParseError> {
    EnvFilter::try_new(filter).map(drop)
}

/// Logs to stderr from now on what passes the filter; secrets of other libraries never do.
pub fn start(filter: &str) {
    tracing_subscriber::registry()
        .with(EnvFilter::new(filter))
        .with(filter_fn(shows_no_secret))
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
        .init();
}

fn shows_no_secret(what: &Metadata<'_>) -> bool {
    let is_of = |library: &str| {
        let rest = what.target().strip_prefix(library);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let mut capped = CAPPED.iter();
    capped.all(|(library, most)| !is_of(library) || what.level() <= most)
}
