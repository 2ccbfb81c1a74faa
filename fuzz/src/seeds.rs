//! Good inputs to begin with, recorded from an honest call.

use std::collections::HashSet;

use mls_srtp::group::RoomPolicy;
use serde::Serialize;
use serde_json::Value;

use crate::{honest, media, texts};

/// Inputs by target. The keys in them are new each time; those of targets with structured input are
/// left to the fuzzer.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let call = honest::call();
    let mut seeds = Vec::new();
    seeds.extend(one_of_each("client_message", &call.up));
    seeds.extend(one_of_each("service_message", &call.down));
    seeds.extend(
        media::examples()
            .into_iter()
            .map(|bytes| ("headers", bytes)),
    );
    seeds.extend(texts::examples().map(|text| ("codes", text.into_bytes())));
    let locked = RoomPolicy {
        locked: true,
        ..call.policy.clone()
    };
    seeds.extend([&call.policy, &locked].map(|policy| ("policy", policy.encode())));
    seeds
}

/// The first message of each kind.
fn one_of_each<T: Serialize>(target: &'static str, messages: &[T]) -> Vec<(&'static str, Vec<u8>)> {
    let mut known = HashSet::new();
    let values = messages
        .iter()
        .filter_map(|message| serde_json::to_value(message).ok());
    let first = values.filter(|value| {
        let kind = value.pointer("/body/kind").map(Value::to_string);
        known.insert((value["type"].to_string(), kind))
    });
    first
        .map(|value| (target, value.to_string().into_bytes()))
        .collect()
}
