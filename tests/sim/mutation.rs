//! Changing one thing in an envelope that was well formed.
//!
//! What is changed depends on names, lengths and the dice, never on the bytes themselves: those
//! differ from run to run, and the trace must not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::seed::Dice;

/// Fields that hold encoded bytes.
const BLOBS: [&str; 12] = [
    "commit",
    "welcome",
    "group_info",
    "proposal",
    "message",
    "tree",
    "key_package",
    "chain",
    "session",
    "authenticator_hash",
    "signature_key",
    "leaf_key",
];
/// A group that nobody is in.
const OTHER_GROUP: &str = "0f0e0d0c0b0a09080706050403020100";

/// Changes one field of a JSON object, somewhere inside.
pub fn mutate(json: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(json).ok()?;
    let mut paths = Vec::new();
    collect("", &value, &mut paths);
    let path = paths.get(dice.index(paths.len()))?.clone();
    let name = path.rsplit('/').next().unwrap_or("").to_owned();
    change(&name, value.pointer_mut(&path)?, dice);
    serde_json::to_vec(&value).ok()
}

/// The paths of all values that hold no others.
fn collect(path: &str, value: &Value, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                collect(&format!("{path}/{name}"), value, paths);
            }
        }
        Value::Array(items) => {
            for (place, value) in items.iter().enumerate() {
                collect(&format!("{path}/{place}"), value, paths);
            }
        }
        _ => paths.push(path.to_owned()),
    }
}

fn change(name: &str, value: &mut Value, dice: &mut Dice) {
    *value = match &*value {
        Value::Number(number) => {
            let number = number.as_u64().unwrap_or(0);
            match dice.below(4) {
                0 => number.saturating_sub(1),
                1 => number + 1,
                2 => dice.below(100),
                _ => 0,
            }
            .into()
        }
        Value::String(text) if BLOBS.contains(&name) => flip(text, dice).into(),
        Value::String(_) if name == "group_id" => OTHER_GROUP.into(),
        Value::String(text) => format!("{text}x").into(),
        Value::Bool(yes) => (!yes).into(),
        other => other.clone(),
    };
}

/// Flips a bit of encoded bytes, or cuts them short.
fn flip(text: &str, dice: &mut Dice) -> String {
    let mut bytes = STANDARD.decode(text).unwrap_or_default();
    let at = dice.index(bytes.len());
    match dice.below(5) {
        0 => bytes.truncate(at),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
    }
    STANDARD.encode(bytes)
}
