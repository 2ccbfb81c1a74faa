//! One form for states that differ only in what nobody can tell any more.
//!
//! Positions and epochs only ever get compared, so they can be counted from the oldest one that
//! somebody still needs, and older log entries dropped. That the future is the same is what makes
//! it sound; that the past may differ is what makes the check small.

use crate::state::{CommitId, Down, Entry, Seq, State, Up};

pub fn normalise(state: &mut State) {
    if state.service.closed {
        return;
    }
    drop_old_entries(state);
    count_epochs_from_the_oldest(state);
    rename_settled_epoch(state);
}

fn each_seq(state: &mut State, f: &mut impl FnMut(&mut Seq)) {
    for member in &mut state.members {
        if member.is_in() {
            f(&mut member.seq);
        }
        for message in &mut member.up {
            match message {
                Up::Hello(Some(seq)) | Up::Commit { seen: seq, .. } => f(seq),
                _ => {}
            }
        }
        for (after, message) in &mut member.down {
            f(after);
            if let Down::Welcome { seq, .. } = message {
                f(seq);
            }
        }
    }
}

fn drop_old_entries(state: &mut State) {
    // The proposals of the current epoch are looked up in the log.
    let log = &state.service.log;
    let is_commit = |entry: &Entry| matches!(entry, Entry::Committed(_));
    let mut oldest = log.iter().rposition(is_commit).map_or(0, |at| at + 1) as Seq;
    if state.service.open.is_empty() && state.service.withdrawn.is_empty() {
        oldest = log.len() as Seq;
    }
    each_seq(state, &mut |seq| oldest = oldest.min(*seq));
    state.service.log.drain(..usize::from(oldest));
    each_seq(state, &mut |seq| *seq -= oldest);
}

fn each_epoch(state: &mut State, f: &mut impl FnMut(&mut u8)) {
    f(&mut state.service.epoch);
    for entry in &mut state.service.log {
        if let Entry::Committed(commit) = entry {
            f(&mut commit.epoch);
        }
    }
    for member in &mut state.members {
        if member.is_in() {
            f(&mut member.epoch);
        }
        for message in &mut member.up {
            if let Up::Commit { commit, .. } = message {
                f(&mut commit.epoch);
            }
        }
        for (_, message) in &mut member.down {
            match message {
                Down::Welcome { epoch, .. } | Down::Room { epoch, .. } => f(epoch),
                _ => {}
            }
        }
    }
}

fn count_epochs_from_the_oldest(state: &mut State) {
    let mut oldest = u8::MAX;
    each_epoch(state, &mut |epoch| oldest = oldest.min(*epoch));
    each_epoch(state, &mut |epoch| *epoch -= oldest);
}

/// Once all have left the log behind that led to the current epoch, its name does not matter.
fn rename_settled_epoch(state: &mut State) {
    let is_commit = |entry: &Entry| matches!(entry, Entry::Committed(_));
    if state.service.log.iter().any(is_commit) {
        return;
    }
    let (epoch, name) = (state.service.epoch, state.service.opened);
    let rename = |of: u8, other: &mut CommitId| {
        if of == epoch && *other == name {
            *other = CommitId::default();
        }
    };
    rename(epoch, &mut state.service.opened);
    for member in &mut state.members {
        rename(member.epoch, &mut member.opened);
        for message in &mut member.up {
            if let Up::Commit { commit, .. } = message {
                rename(commit.epoch, &mut commit.built_on);
            }
        }
        for (_, message) in &mut member.down {
            if let Down::Welcome { epoch, opened, .. } = message {
                rename(*epoch, opened);
            }
        }
    }
}
