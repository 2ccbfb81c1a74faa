//! What the documentation says, checked against the code.

mod attacks;
mod supply;

use std::fs;
use std::path::Path;

use mls_srtp::delivery::{CloseReason, Refusal};
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

/// The lines of the table below a heading, as cells without spaces around them.
fn rows(text: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, section) = text.split_once(heading).expect("has that section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with("| "));
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect();
    lines.skip(1).map(cells).collect()
}

fn reason_codes() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reason-codes.md");
    fs::read_to_string(path).expect("readable")
}

#[test]
fn every_refusal_and_every_reason_to_close_is_explained() {
    let text = reason_codes();
    let tables = [
        ("## Why a request was refused\n", names::<Refusal>()),
        ("## Why a connection was closed\n", names::<CloseReason>()),
    ];
    for (heading, names) in tables {
        assert!(names.len() > 5, "{names:?}");
        let rows = rows(&text, heading);
        let documented: Vec<_> = rows.iter().map(|row| row[1].trim_matches('`')).collect();
        assert_eq!(documented, names, "in the order of the code");
        assert!(rows.iter().all(|row| !row[2].is_empty()));
    }
}

/// Files with tests, of this package and those that the table speaks of.
fn test_sources() -> String {
    fn collect(folder: &Path, into: &mut String) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push_str(&fs::read_to_string(path).expect("readable"));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = String::new();
    for folder in ["src", "tests", "signaling/src", "signaling/tests"] {
        collect(&root.join(folder), &mut all);
    }
    all
}

#[test]
fn every_line_of_who_is_refused_names_known_codes_and_a_test() {
    let text = reason_codes();
    let sources = test_sources();
    let mut known: Vec<String> = [names::<Refusal>(), names::<CloseReason>()].concat();
    known.extend(names::<TrustCode>());
    known.push("wrong_origin".into());
    let rows = rows(&text, "## Who is refused, with what\n");
    assert!(rows.len() > 20, "{}", rows.len());
    for row in rows {
        let codes: Vec<_> = row[2].split('`').skip(1).step_by(2).collect();
        assert!(!codes.is_empty(), "{row:?}");
        for code in codes {
            assert!(known.iter().any(|name| name == code), "{code}");
        }
        let test = format!("fn {}(", row[3].trim_matches('`'));
        assert!(sources.contains(&test), "no test of the name {}", row[3]);
    }
}
