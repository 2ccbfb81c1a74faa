//! Signature keys that may not come back, for as long as the room lasts.

use std::collections::VecDeque;

use mls_srtp::delivery::Blob;

use crate::store::{Change, Fact};

/// Keys remembered of each kind; the oldest are forgotten. Each costs its owner a group.
const KEPT: usize = 1_024;

/// Keys that broke the room's groups.
#[derive(Debug, Default)]
pub(super) struct Bars {
    barred: VecDeque<Blob>,
    suspected: VecDeque<Blob>,
    /// Keys that may only be added. Lost with a restart, after which they may try once more.
    added_only: VecDeque<Blob>,
    /// What the store has still to be told.
    pub(super) changes: Vec<Change>,
}

impl Bars {
    pub(super) fn is_barred(&self, key: &Blob) -> bool {
        self.barred.contains(key)
    }

    /// The key may not come back.
    pub(super) fn bar(&mut self, key: &Blob) {
        remember(&mut self.barred, key, Fact::Barred, &mut self.changes);
    }

    /// The key broke a group, or somebody lied about it. The second time counts; says whether it
    /// was that.
    pub(super) fn suspect(&mut self, key: &Blob) -> bool {
        let again = self.suspected.contains(key);
        if again {
            self.bar(key);
        } else {
            remember(&mut self.suspected, key, Fact::Suspected, &mut self.changes);
        }
        again
    }

    /// The key made an external commit that nobody could follow, be it by its own fault or not. To
    /// be added takes its device a moment longer, and nobody can be led astray on that way.
    pub(super) fn keep_from_returning(&mut self, key: &Blob) {
        if self.may_return(key) {
            if self.added_only.len() >= KEPT {
                self.added_only.pop_front();
            }
            self.added_only.push_back(key.clone());
        }
    }

    /// Whether the key may enter by an external commit.
    pub(super) fn may_return(&self, key: &Blob) -> bool {
        !self.added_only.contains(key)
    }

    /// The key was barred before a restart.
    pub(super) fn recall_barred(&mut self, key: Blob) {
        self.barred.push_back(key);
    }

    /// The key was suspected before a restart.
    pub(super) fn recall_suspected(&mut self, key: Blob) {
        self.suspected.push_back(key);
    }
}

fn remember(
    keys: &mut VecDeque<Blob>,
    key: &Blob,
    fact: fn(Blob) -> Fact,
    changes: &mut Vec<Change>,
) {
    if keys.contains(key) {
        return;
    }
    if keys.len() >= KEPT
        && let Some(oldest) = keys.pop_front()
    {
        changes.push(Change::Forget(fact(oldest).key()));
    }
    keys.push_back(key.clone());
    changes.push(Change::Put(fact(key.clone())));
}
