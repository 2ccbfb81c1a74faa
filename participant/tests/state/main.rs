//! Stores, and participants that stop and go on from them, against the real service.

mod files;
#[allow(dead_code, reason = "another test program uses the rest")]
#[path = "../../../tests/hunt/mod.rs"]
mod hunt;
mod memory;
mod people;
mod resuming;
mod secrets;
mod stores;
mod trust;
