//! A room's logic under virtual time, with real members.

mod astray;
mod complaints;
mod crowd;
mod declines;
mod evicted;
mod failing;
mod hostile;
mod inviting;
mod lab;
mod locking;
mod log;
mod outdated;
mod outrun;
mod people;
mod refusals;
mod removed;
mod reports;
mod restarting;
mod returning;
mod stalling;
mod suites;
mod tokens;
mod withdrawn;
