//! Vectors of the specifications, through both providers: what is computed here is what other
//! implementations compute. Where the vectors come from, `tests/vectors/README.md` says.

mod hpke;
mod labels;
mod messages;
mod passive;
mod schedule;
mod welcome;
mod wycheproof;

use openmls_rust_crypto::RustCrypto;
use openmls_traits::OpenMlsProvider;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::random::OpenMlsRand;
use serde_json::Value;

use super::our_suites::OurSuites;
use super::storage::Storage;
use crate::testing::hex;

/// A provider's cryptography.
trait Crypto: OpenMlsCrypto + OpenMlsRand + Default {}
impl Crypto for RustCrypto {}
impl Crypto for OurSuites {}

/// Some cryptography with our storage.
struct With<C> {
    crypto: C,
    storage: Storage,
}

impl<C: Crypto> With<C> {
    fn new() -> Self {
        Self {
            crypto: C::default(),
            storage: Storage::new(true),
        }
    }
}

impl<C: Crypto> OpenMlsProvider for With<C> {
    type CryptoProvider = C;
    type RandProvider = C;
    type StorageProvider = Storage;

    fn storage(&self) -> &Storage {
        &self.storage
    }

    fn crypto(&self) -> &C {
        &self.crypto
    }

    fn rand(&self) -> &C {
        &self.crypto
    }
}

/// What both providers answer, which must be the same.
fn agreed<T: PartialEq + std::fmt::Debug>(ask: impl Fn(&dyn OpenMlsCrypto) -> T) -> T {
    let (ours, theirs) = (ask(&OurSuites), ask(&RustCrypto::default()));
    assert_eq!(ours, theirs, "the providers differ");
    ours
}

/// The cases of a file of ours, which is a JSON array.
fn cases(json: &str) -> Vec<Value> {
    serde_json::from_str(json).expect("an array of cases")
}

/// A field of hex digits.
fn bytes(case: &Value, field: &str) -> Vec<u8> {
    let digits = case[field].as_str();
    hex(digits.unwrap_or_else(|| panic!("no field {field}")))
}

/// A field of hex digits that may be null.
fn optional_bytes(case: &Value, field: &str) -> Option<Vec<u8>> {
    case[field].as_str().map(hex)
}

fn list<'a>(case: &'a Value, field: &str) -> &'a [Value] {
    let list = case[field].as_array();
    list.unwrap_or_else(|| panic!("no list {field}"))
}
