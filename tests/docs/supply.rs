//! What the project depends on is wanted and has a reason, and its packages keep the same rules.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).expect("readable")
}

/// What cargo knows of the packages of a workspace, without their dependencies' own.
fn packages(manifest: &Path) -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--no-deps"])
        .args(["--format-version", "1", "--manifest-path"])
        .arg(manifest)
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let mut metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    serde_json::from_value(metadata["packages"].take()).expect("packages")
}

/// Every manifest of the repository that is no member of the workspace: tools, which are built apart.
fn manifests_apart(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str());
        let is_built = matches!(name, Some("target" | "node_modules" | "dist"));
        if path.is_dir() && !is_built && !name.is_some_and(|name| name.starts_with('.')) {
            manifests_apart(&path, into);
        } else if name == Some("Cargo.toml") && folder != root() {
            let text = fs::read_to_string(&path).expect("readable");
            if text.lines().any(|line| line == "[workspace]") {
                into.push(path);
            }
        }
    }
}

/// All packages of ours.
fn ours() -> Vec<Value> {
    let mut manifests = vec![root().join("Cargo.toml")];
    manifests_apart(root(), &mut manifests);
    let all: Vec<_> = manifests
        .iter()
        .flat_map(|manifest| packages(manifest))
        .collect();
    assert!(all.len() > 10, "{} packages", all.len());
    all
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// The words of a cell that can be the name of a package.
fn words(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(|c: char| !(c.is_alphanumeric() || "-_@/.".contains(c)))
        .filter(|word| !word.is_empty())
}

/// The table of dependencies: what each row names, and why.
fn reasons() -> Vec<(String, String)> {
    let design = read("DESIGN.md");
    let (_, section) = design
        .split_once("\n## Why these dependencies?\n")
        .expect("has that section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let cells = rows
        .skip(1)
        .map(|row| row.trim_matches(['|', ' ']).split(" | "));
    let row = |mut cells: std::str::Split<'_, &str>| {
        let name = cells.next().unwrap_or_default().to_owned();
        (name, cells.nth(1).unwrap_or_default().to_owned())
    };
    cells.map(row).collect()
}

/// The names of all that our packages depend on directly, npm's included.
fn direct_dependencies() -> BTreeSet<String> {
    let mut direct = BTreeSet::new();
    for package in ours() {
        let dependencies = package["dependencies"].as_array().expect("a list");
        let foreign = dependencies.iter().filter(|one| one["path"].is_null());
        direct.extend(foreign.map(|one| text(one, "name").to_owned()));
    }
    let npm: Value = serde_json::from_str(&read("browser/package.json")).expect("JSON");
    for kind in ["dependencies", "devDependencies", "peerDependencies"] {
        let named = npm[kind].as_object().into_iter().flatten();
        direct.extend(named.map(|(name, _)| name.clone()));
    }
    direct
}

#[test]
fn every_dependency_has_a_reason_and_every_reason_a_dependency() {
    let (direct, reasons) = (direct_dependencies(), reasons());
    assert!(direct.len() > 50, "{}", direct.len());
    let named = |name: &str| {
        let mut rows = reasons.iter().filter(|(_, why)| why.len() > 10);
        rows.any(|(names, _)| words(names).any(|word| word == name))
    };
    let missing: Vec<_> = direct.iter().filter(|name| !named(name)).collect();
    assert!(missing.is_empty(), "no reason for {missing:?} in DESIGN.md");
    for (names, _) in &reasons {
        let used = words(names).any(|word| direct.contains(word));
        assert!(used, "nothing depends on {names}");
    }
}

#[test]
fn unsafe_code_is_forbidden_everywhere() {
    let lints = read("Cargo.toml");
    assert!(lints.contains("\n[workspace.lints.rust]\n"));
    assert!(lints.contains("\nunsafe_code = \"forbid\"\n"));
    let mut checked = 0;
    for package in packages(&root().join("Cargo.toml")) {
        let manifest = fs::read_to_string(text(&package, "manifest_path")).expect("readable");
        let name = text(&package, "name");
        assert!(manifest.contains("\n[lints]\nworkspace = true\n"), "{name}");
        for target in package["targets"].as_array().expect("a list") {
            // The macro behind which libFuzzer finds a target has the one attribute that it needs.
            if target["required-features"][0] == "libfuzzer" {
                continue;
            }
            let kind = target["kind"][0].as_str().unwrap_or_default();
            if ["lib", "bin", "cdylib", "rlib"].contains(&kind) {
                let path = text(target, "src_path");
                let source = fs::read_to_string(path).expect("readable");
                assert!(source.contains("\n#![forbid(unsafe_code)]\n"), "{path}");
                checked += 1;
            }
        }
    }
    assert!(checked > 10, "{checked}");
}

#[test]
fn every_package_says_its_licence_and_that_it_is_not_published() {
    for package in ours() {
        let name = text(&package, "name");
        assert_eq!(package["license"], "MIT OR Apache-2.0", "{name}");
        assert_eq!(package["publish"], Value::Array(Vec::new()), "{name}");
        assert!(
            !text(&package, "description").is_empty() || name == "mls-srtp",
            "{name}"
        );
    }
    let npm: Value = serde_json::from_str(&read("browser/package.json")).expect("JSON");
    assert_eq!(npm["license"], "MIT OR Apache-2.0");
}

/// From where a package comes is said by whoever installs it, and its content by a hash.
#[test]
fn lock_files_have_hashes_and_npms_no_addresses() {
    let lock: Value = serde_json::from_str(&read("browser/package-lock.json")).expect("JSON");
    let packages = lock["packages"].as_object().expect("packages");
    for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
        assert!(package["resolved"].is_null(), "{name}");
        assert!(text(package, "integrity").starts_with("sha512-"), "{name}");
    }
    for package in read("Cargo.lock").split("\n[[package]]\n") {
        assert_eq!(
            package.contains("\nsource = "),
            package.contains("\nchecksum = "),
            "{package}"
        );
    }
}
