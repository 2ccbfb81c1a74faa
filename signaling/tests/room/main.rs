//! A room's logic under virtual time, with real members.

mod lab;
mod log;
mod people;
mod refusals;
