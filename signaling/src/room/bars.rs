//! Signature keys that may not come back, for as long as the room lasts.

use std::collections::VecDeque;

use mls_srtp::delivery::Blob;

/// Keys remembered of each kind; the oldest are forgotten. Each costs its owner a group.
const KEPT: usize = 1_024;

/// Keys that broke the room's groups.
#[derive(Debug, Default)]
pub(super) struct Bars {
    barred: VecDeque<Blob>,
    suspected: VecDeque<Blob>,
}

impl Bars {
    pub(super) fn is_barred(&self, key: &Blob) -> bool {
        self.barred.contains(key)
    }

    /// The key may not come back.
    pub(super) fn bar(&mut self, key: &Blob) {
        remember(&mut self.barred, key);
    }

    /// The key broke a group, or somebody lied about it. The second time counts; says whether it
    /// was that.
    pub(super) fn suspect(&mut self, key: &Blob) -> bool {
        let again = self.suspected.contains(key);
        if again {
            self.bar(key);
        } else {
            remember(&mut self.suspected, key);
        }
        again
    }
}

fn remember(keys: &mut VecDeque<Blob>, key: &Blob) {
    if keys.contains(key) {
        return;
    }
    if keys.len() >= KEPT {
        keys.pop_front();
    }
    keys.push_back(key.clone());
}
