//! What people compare, in shapes that JavaScript can read.

use mls_srtp::codes::{Comparison, ScanError};
use mls_srtp::epoch::GroupCode;
use mls_srtp::group::SafetyNumber;
use qrcode::QrCode;
use qrcode::render::svg;
use serde_json::{Value, json};

/// A code of either kind.
pub(crate) enum Code {
    Group(GroupCode),
    Pair(SafetyNumber),
}

impl Code {
    /// `{ "digits", "qrText", "qrSvg" }`.
    pub(crate) fn shown(&self) -> Value {
        let (digits, text) = match self {
            Self::Group(code) => (code.to_string(), code.to_qr_text()),
            Self::Pair(number) => (number.to_string(), number.to_qr_text()),
        };
        json!({ "digits": digits, "qrText": text, "qrSvg": picture(&text) })
    }

    /// `{ "outcome", "detail" }`.
    pub(crate) fn compare(&self, text: &str) -> Value {
        let compared = match self {
            Self::Group(code) => code.compare(text),
            Self::Pair(number) => number.compare(text),
        };
        let (outcome, detail) = match compared {
            Ok(Comparison::Match) => ("match", String::new()),
            Ok(Comparison::Differs) => ("differs", String::new()),
            Err(error) => (error_name(&error), error.to_string()),
        };
        json!({ "outcome": outcome, "detail": detail })
    }
}

fn error_name(error: &ScanError) -> &'static str {
    match error {
        ScanError::Version { .. } => "version",
        ScanError::Kind { .. } => "kind",
        ScanError::Own => "own",
        _ => "malformed",
    }
}

/// An SVG of the QR code, dark on light in every theme; empty if the text were too long for one.
fn picture(text: &str) -> String {
    QrCode::new(text)
        .map(|code| code.render::<svg::Color>().build())
        .unwrap_or_default()
}
