//! A removed member opens nothing that is sent after the switch.

use std::collections::BTreeSet;

use mls_srtp::ManagerConfig;
use mls_srtp::epoch::EpochSecrets;
use mls_srtp::id::{Epoch, GroupId, ParticipantId, Ssrc};
use mls_srtp::pipeline::{MediaConfig, MediaPipeline, MediaUpdate, Opening, Stream, StreamSource};
use mls_srtp::time::Moment;

use super::super::participant::name;
use super::{Violation, violated};

/// What a cheat would keep of one stay: all keys, for ever, and room for any stream.
struct Hoard {
    who: usize,
    group: GroupId,
    first: Epoch,
    pipeline: MediaPipeline,
    /// Senders who have gone on to an epoch without its owner.
    shut_out_by: BTreeSet<usize>,
}

/// The hoards of all stays of all participants.
#[derive(Default)]
pub struct Hoards {
    all: Vec<Hoard>,
    /// Whose next keys belong to a new stay.
    anew: BTreeSet<usize>,
    tries: u64,
    /// Without media there is nothing to open.
    pub off: bool,
}

impl Hoards {
    /// Whatever comes next for a participant belongs to another stay.
    pub fn begin_anew(&mut self, who: usize) {
        self.anew.insert(who);
    }

    /// A participant gets keys, and keeps them.
    pub fn keep(&mut self, who: usize, secrets: &EpochSecrets) {
        if self.off {
            return;
        }
        let anew = self.anew.remove(&who);
        let latest = self.all.iter_mut().rev().find(|hoard| hoard.who == who);
        let going_on = latest.filter(|hoard| !anew && hoard.group == secrets.group_id);
        let update = MediaUpdate::Install(secrets.clone());
        if let Some(hoard) = going_on {
            return hoard.pipeline.apply(update, Moment::default());
        }
        let config = MediaConfig {
            early_per_stream: 0,
            ..MediaConfig::default()
        };
        let mut pipeline = MediaPipeline::new(config);
        pipeline.apply(update, Moment::default());
        self.all.push(Hoard {
            who,
            group: secrets.group_id,
            first: secrets.epoch,
            pipeline,
            shut_out_by: BTreeSet::new(),
        });
    }

    /// `sender` has gone on to an epoch from which these were removed. From now on it may send
    /// nothing that their keys of older stays open.
    pub fn switched(
        &mut self,
        sender: usize,
        group: GroupId,
        epoch: Epoch,
        removed: &[ParticipantId],
    ) {
        for hoard in &mut self.all {
            let older = hoard.group == group && hoard.first < epoch;
            if older && removed.contains(&name(hoard.who)) {
                hoard.shut_out_by.insert(sender);
            }
        }
    }

    /// Nobody whom the sender knows to be removed opens the packet.
    ///
    /// Broken by: sending that goes on in the old epoch after a commit with a Remove, in
    /// `SendSwitch::applied`; an epoch whose key does not depend on the commit.
    pub fn open_nothing(&mut self, sender: usize, packet: &[u8]) -> Result<(), Violation> {
        for hoard in &mut self.all {
            if !hoard.shut_out_by.contains(&sender) {
                continue;
            }
            self.tries += 1;
            hoard.believe(sender);
            let opening = hoard.pipeline.open(packet.to_vec(), Moment::default());
            if let Opening::Opened(opened) = opening {
                let detail = format!(
                    "p{} was removed and opens what p{sender} sends in epoch {}",
                    hoard.who, opened.epoch
                );
                return violated("the removed open nothing", detail);
            }
        }
        Ok(())
    }

    pub fn tries(&self) -> u64 {
        self.tries
    }
}

/// Nobody sends who has heard nothing from the service for so long that a removal may have been
/// kept from it.
///
/// Broken by: a restored member that sends before a commit of its own, when `enter_epoch` does not
/// look at `must_renew`. Silences of more than 15 s are rare here; `tests/calls/recovery.rs` breaks
/// when `Exposure::handle_timeout` never stalls.
pub fn check_exposure(who: usize, heard_at: Moment, now: Moment) -> Result<(), Violation> {
    let silence = now.since(heard_at);
    if silence > ManagerConfig::default().max_exposure {
        let detail = format!("p{who} sends after {silence:?} without a word from the service");
        return violated("exposure is bounded", detail);
    }
    Ok(())
}

impl Hoard {
    /// A cheat does not ask whether a stream was announced.
    fn believe(&mut self, sender: usize) {
        let update = MediaUpdate::Streams {
            participant: name(sender),
            streams: vec![Stream {
                id: Ssrc::new(1_000 + sender as u32).into(),
                source: StreamSource::Camera,
            }],
        };
        self.pipeline.apply(update, Moment::default());
    }
}
