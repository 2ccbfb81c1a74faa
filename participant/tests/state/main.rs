//! Stores, and participants that stop and go on from them, against the real service.

mod files;
mod memory;
mod people;
mod resuming;
mod stores;
mod trust;
