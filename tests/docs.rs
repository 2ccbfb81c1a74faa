//! Tables in the documentation, checked against the code.

use std::fs;
use std::path::Path;

use mls_srtp::trust::TrustCode;
use serde::de::DeserializeOwned;

/// The names of an enum on the wire, as serde says them of one that it does not know.
fn names<T: DeserializeOwned>() -> Vec<String> {
    let refused = serde_json::from_str::<T>("\"\"")
        .err()
        .expect("no such name");
    let refused = refused.to_string();
    let names = refused.split('`').skip(3).step_by(2);
    names.map(ToOwned::to_owned).collect()
}

#[test]
fn every_trust_code_is_explained_with_its_remedy() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reason-codes.md");
    let text = fs::read_to_string(path).expect("readable");
    let names = names::<TrustCode>();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let code: TrustCode = serde_json::from_str(&format!("\"{name}\"")).expect("a code");
        let row = text
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("{name} has no row"));
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 5, "{row}");
        assert!(!cells[2].is_empty(), "{row}");
        assert_eq!(cells[3], code.remedy(), "{name}");
    }
}
