//! The secrets in a saved state.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Secrets;

impl Secrets {
    /// Adds everything secret in the bytes of a saved state: the signature key, the session, and
    /// what the MLS library keeps, of which its own names tell secret from public.
    pub fn add_state(&mut self, state: &[u8]) {
        let state: Value = serde_json::from_slice(state).expect("JSON");
        self.add_value("state", &state);
        if let Some(session) = state["stay"]["session"].as_str() {
            self.add("session", &STANDARD.decode(session).expect("base64"));
        }
    }

    /// Lists of bytes below a name with `secret` or `private` in it. Texts and lists may hold the
    /// JSON of other libraries.
    fn add_value(&mut self, path: &str, value: &Value) {
        match value {
            Value::Array(list) if list.len() >= 16 && list.iter().all(Value::is_u64) => {
                let bytes = list.iter().filter_map(Value::as_u64);
                let bytes: Vec<_> = bytes.filter_map(|byte| u8::try_from(byte).ok()).collect();
                if let Some(inner) = json_in(&bytes) {
                    self.add_value(path, &inner);
                } else if path.contains(".secret") || path.contains("private") {
                    self.add(path, &bytes);
                }
            }
            Value::Array(list) => list.iter().for_each(|one| self.add_value(path, one)),
            Value::Object(fields) => {
                for (name, inner) in fields {
                    self.add_value(&format!("{path}.{name}"), inner);
                }
            }
            Value::String(text) => {
                if let Some(inner) = STANDARD.decode(text).ok().and_then(|text| json_in(&text)) {
                    self.add_value(path, &inner);
                }
            }
            _ => {}
        }
    }
}

fn json_in(bytes: &[u8]) -> Option<Value> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    (value.is_object() || value.is_array()).then_some(value)
}

/// The exporter secret of the epoch in which a state was saved, as the MLS library keeps it.
pub fn exporter_secret(state: &[u8]) -> Option<Vec<u8>> {
    let state: Value = serde_json::from_slice(state).ok()?;
    let values = state["stay"]["values"].as_array()?.iter();
    let mut values = values.filter_map(|pair| json_in(&STANDARD.decode(pair[1].as_str()?).ok()?));
    let found = values.find_map(|value| value.get("exporter_secret").cloned())?;
    serde_json::from_value(found["secret"]["value"]["vec"].clone()).ok()
}
