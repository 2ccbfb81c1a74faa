//! Changes of one field in an envelope that was good.

use arbitrary::Arbitrary;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::edit::{Edit, edited};

/// Which field, and what becomes of it.
#[derive(Debug, Clone, Arbitrary)]
pub(crate) struct JsonEdit {
    field: u16,
    change: Change,
}

#[derive(Debug, Clone, Arbitrary)]
enum Change {
    /// Another number; encoded bytes and texts stay.
    Number(u64),
    /// A little more or less.
    Step(i8),
    /// Encoded bytes; other texts are edited as they are.
    Bytes(Vec<Edit>),
    /// The same as in another field.
    Like {
        field: u16,
    },
    Not,
    Gone,
}

/// Changes one field of a JSON text; one that is none stays as it is.
pub(crate) fn changed(json: &[u8], edit: &JsonEdit) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(json) else {
        return json.to_vec();
    };
    let mut paths = Vec::new();
    collect(String::new(), &value, &mut paths);
    let path = |field: u16| paths.get(usize::from(field) % paths.len().max(1));
    let other = match edit.change {
        Change::Like { field } => path(field).and_then(|path| value.pointer(path)).cloned(),
        _ => None,
    };
    if let Some(to) = path(edit.field).and_then(|path| value.pointer_mut(path)) {
        *to = other.unwrap_or_else(|| edit.change.of(to));
    }
    value.to_string().into_bytes()
}

impl Change {
    fn of(&self, value: &Value) -> Value {
        match (self, value) {
            (Self::Number(number), Value::Number(_)) => (*number).into(),
            (Self::Step(by), Value::Number(number)) => {
                let number = number.as_u64().unwrap_or_default();
                number.saturating_add_signed((*by).into()).into()
            }
            (Self::Bytes(edits), Value::String(text)) => match STANDARD.decode(text) {
                Ok(bytes) => STANDARD.encode(edited(&bytes, edits)).into(),
                Err(_) => String::from_utf8_lossy(&edited(text.as_bytes(), edits)).into(),
            },
            (Self::Not, Value::Bool(yes)) => (!yes).into(),
            (Self::Gone, _) => Value::Null,
            (_, same) => same.clone(),
        }
    }
}

/// The paths of all values, those that hold others among them.
fn collect(path: String, value: &Value, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                collect(format!("{path}/{name}"), value, paths);
            }
        }
        Value::Array(items) => {
            for (place, value) in items.iter().enumerate() {
                collect(format!("{path}/{place}"), value, paths);
            }
        }
        _ => {}
    }
    paths.push(path);
}
