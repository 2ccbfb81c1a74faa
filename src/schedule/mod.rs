//! From an epoch's exporter to each sender's keys.
mod profile;
pub use profile::Profile;
