//! Every target with inputs that nobody has chosen: changed envelopes and commits, spliced, replayed
//! and out of order, packets, files. A fuzzer goes deeper, this runs everywhere.

use fuzz::{TARGETS, call, room};
use proptest::prelude::*;

/// Targets that play a whole call for each input.
const LONG: [&str; 2] = ["call", "room"];

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn any_bytes_are_judged(data in bytes(400)) {
        let short = TARGETS.iter().filter(|(name, _)| !LONG.contains(name));
        short.for_each(|(_, run)| run(&data));
    }
}

proptest! {
    #![proptest_config(config(12))]

    #[test]
    fn a_call_survives_any_network(data in bytes(600)) {
        call(&data);
    }

    #[test]
    fn a_room_survives_any_stranger(data in bytes(600)) {
        room(&data);
    }
}
