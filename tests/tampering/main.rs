//! What happens on the way to packets and frames that were valid: bits flipped, bytes replaced,
//! inserted, cut off and added, two put together. Nothing of that is opened as anything that was
//! not sent, and afterwards everything that was sent still opens.

mod damage;
mod frames;
mod packets;

use mls_srtp::epoch::{EpochSecrets, SwitchReason};
use mls_srtp::group::Roster;
use mls_srtp::id::{Epoch, GroupId, LeafIndex, ParticipantId};
use mls_srtp::pipeline::{MediaUpdate, Stream, StreamId, StreamSource};
use mls_srtp::schedule::MediaSecret;
use mls_srtp::time::Moment;

const NOW: Moment = Moment::from_millis(0);
/// When what was held has waited too long.
const LATER: Moment = Moment::from_millis(500);
const EPOCH: Epoch = Epoch::new(0x1_0203);
/// Two who send, with the same numbers of streams, and one who receives.
const ALICE: LeafIndex = LeafIndex::new(5);
const CAROL: LeafIndex = LeafIndex::new(4);
const BOB: LeafIndex = LeafIndex::new(6);

fn name(leaf: LeafIndex) -> ParticipantId {
    let user = ["carol", "alice", "bob"][usize::from(leaf.get() - 4)];
    ParticipantId::new(user, "example.org", "phone").expect("a name")
}

/// What the key manager tells the pipeline of the member at `own_leaf`: one epoch, to send in at
/// once, and the streams of the two senders.
fn updates(own_leaf: LeafIndex, media: MediaSecret, streams: &[StreamId]) -> [MediaUpdate; 4] {
    let secrets = EpochSecrets {
        group_id: GroupId::new([1; 16]),
        epoch: EPOCH,
        own_leaf,
        roster: Roster::new([CAROL, ALICE, BOB].map(|leaf| (leaf, name(leaf)))),
        media,
    };
    let (epoch, reason) = (EPOCH, SwitchReason::First);
    let stream = |id: &StreamId| Stream {
        id: *id,
        source: StreamSource::Camera,
    };
    let announced = |leaf| MediaUpdate::Streams {
        participant: name(leaf),
        streams: streams.iter().map(stream).collect(),
    };
    [
        MediaUpdate::Install(secrets),
        MediaUpdate::SwitchSending { epoch, reason },
        announced(ALICE),
        announced(CAROL),
    ]
}
