//! Two members of one epoch of a room of frames.

use mls_srtp::epoch::{EpochSecrets, SwitchReason};
use mls_srtp::group::Roster;
use mls_srtp::id::{Epoch, GroupId, LeafIndex, StreamNumber};
use mls_srtp::pipeline::{
    FrameOpening, FramePipeline, MediaConfig, MediaUpdate, Stream, StreamSource,
};
use mls_srtp::schedule::{BaseKey, MediaSecret, Suite};
use mls_srtp::secret::Secret;

use crate::room::{NOW, name};

/// What two members share: the exporter's output of an epoch, and where the sender sits.
#[derive(Debug, Clone, Copy)]
pub struct FrameRoom {
    pub suite: Suite,
    /// As many bytes of it as the suite's base key has.
    pub exported: [u8; 32],
    pub epoch: u64,
    /// The sender's leaf; the receiver sits at the next one.
    pub leaf: u16,
}

impl FrameRoom {
    /// What the exporter gave.
    pub fn base_key(&self) -> BaseKey {
        let exported = self.exported[..self.suite.key_len()].to_vec();
        BaseKey::new(self.suite, Secret::new(exported)).expect("its length")
    }

    /// The sender's pipeline.
    pub fn sender(&self) -> FramePipeline {
        let mut pipeline = self.member(self.leaf);
        let (epoch, reason) = (Epoch::new(self.epoch), SwitchReason::First);
        pipeline.apply(MediaUpdate::SwitchSending { epoch, reason }, NOW);
        pipeline
    }

    /// A receiver's pipeline, which knows the sender's stream.
    pub fn receiver(&self, stream: StreamNumber) -> FramePipeline {
        let mut pipeline = self.member(self.leaf.wrapping_add(1));
        let stream = Stream {
            id: stream.into(),
            source: StreamSource::Camera,
        };
        let streams = MediaUpdate::Streams {
            participant: name("alice"),
            streams: vec![stream],
        };
        pipeline.apply(streams, NOW);
        pipeline
    }

    fn member(&self, own_leaf: u16) -> FramePipeline {
        let other = self.leaf.wrapping_add(1);
        let seats = [(self.leaf, name("alice")), (other, name("bob"))];
        let mut pipeline = FramePipeline::new(MediaConfig::default());
        let secrets = EpochSecrets {
            group_id: GroupId::new([1; 16]),
            epoch: Epoch::new(self.epoch),
            own_leaf: LeafIndex::new(own_leaf),
            roster: Roster::new(seats.map(|(leaf, who)| (LeafIndex::new(leaf), who))),
            media: MediaSecret::Sframe(self.base_key()),
        };
        pipeline.apply(MediaUpdate::Install(secrets), NOW);
        pipeline
    }
}

/// The frame, if it was opened.
pub fn opened(opening: FrameOpening) -> Option<Vec<u8>> {
    match opening {
        FrameOpening::Opened(opened) => Some(opened.frame),
        _ => None,
    }
}
