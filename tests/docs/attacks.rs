//! SECURITY.md: whatever it says of an attack is tried by a test that is there.

use std::fs;
use std::path::Path;

/// The last column of the tables that are checked.
const SHOWN_BY: &str = "shown by";

/// The rows of all tables whose last column says which tests show it, as cells.
fn attacks(text: &str) -> Vec<Vec<&str>> {
    let mut rows = Vec::new();
    let mut is_checked = false;
    for line in text.lines() {
        let Some(row) = line.strip_prefix("| ") else {
            is_checked &= line.starts_with('|');
            continue;
        };
        let cells: Vec<_> = row.trim_end_matches(" |").split(" | ").collect();
        if cells.last() == Some(&SHOWN_BY) {
            is_checked = true;
        } else if is_checked {
            rows.push(cells);
        }
    }
    rows
}

/// What is wrong with a cell that names tests, if anything is.
fn fault_of(cell: &str, root: &Path) -> Option<String> {
    let names: Vec<_> = cell.split('`').collect();
    // Outside of the backticks there is nothing but what separates them.
    let (between, named): (Vec<_>, Vec<_>) =
        names.iter().enumerate().partition(|(at, _)| at % 2 == 0);
    if named.is_empty() || between.iter().any(|(_, text)| !["", ", "].contains(*text)) {
        return Some(format!("not a list of tests: {cell}"));
    }
    named.iter().find_map(|(_, name)| {
        let Some((file, test)) = name.split_once("::") else {
            return Some(format!("not file::test: {name}"));
        };
        match fs::read_to_string(root.join(file)) {
            Ok(source) if is_test(file, &source, test) => None,
            Ok(_) => Some(format!("{file} has no test of the name {test}")),
            Err(error) => Some(format!("{file}: {error}")),
        }
    })
}

/// Whether a source has a test of that name: in Rust a function with an attribute of a test above
/// it, in JavaScript a title.
fn is_test(file: &str, source: &str, test: &str) -> bool {
    if file.ends_with(".mjs") {
        return source.contains(&format!("\ntest(\"{test}\""));
    }
    let function = format!("fn {test}(");
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(at, line)| {
        let is_it = line.trim_start_matches("async ").starts_with(&function);
        let above = lines[..at].iter().rev();
        let mut attributes =
            above.take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        is_it && attributes.any(|line| *line == "#[test]" || line.starts_with("#[tokio::test"))
    })
}

#[test]
fn every_attack_is_tried_by_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("SECURITY.md")).expect("readable");
    let rows = attacks(&text);
    assert!(rows.len() > 80, "only {} rows found", rows.len());
    let mut faults = Vec::new();
    for row in rows {
        assert_eq!(row.len(), 3, "{row:?}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        faults.extend(fault_of(row[2], root));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_row_without_a_test_that_exists_is_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let this = "tests/docs/attacks.rs";
    for (cell, is_good) in [
        ("", false),
        ("by thinking", false),
        ("`a_row_without_a_test_that_exists_is_found`", false),
        ("`tests/docs/attacks.rs::a_row_without_a_tset`", false),
        ("`tests/docs/nowhere.rs::a_row`", false),
        ("`tests/docs/attacks.rs::attacks`", false),
        (
            "`browser/tests/secrets.test.mjs::no key leaves the wrker`",
            false,
        ),
        (
            "`browser/tests/secrets.test.mjs::no key leaves the worker`",
            true,
        ),
        (
            &format!("`{this}::a_row_without_a_test_that_exists_is_found`"),
            true,
        ),
        (
            &format!("`{this}::every_attack_is_tried_by_a_test_that_exists`, `{this}::attacks`"),
            false,
        ),
    ] {
        assert_eq!(fault_of(cell, root).is_none(), is_good, "{cell}");
    }
    let text = "| a | shown by |\n|---|---|\n| b | c |\n\n| d | e |\n|---|---|\n| f | g |\n";
    assert_eq!(attacks(text), [["b", "c"]]);
}
