//! One participant: its key manager, its media, and what is under way to and from it.

use std::collections::{HashSet, VecDeque};

use arbitrary::Arbitrary;
use mls_srtp::id::{Epoch, GroupId, Ssrc};
use mls_srtp::pipeline::{MediaConfig, MediaPipeline, MediaUpdate};
use mls_srtp::time::Moment;
use mls_srtp::{Event, KeyManager};
use mls_srtp_signaling::room::ClientId;

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
pub(crate) enum Way {
    /// To the service.
    Up,
    /// To the participant.
    Down,
}

/// Something under way.
pub(crate) enum Queued {
    Text(Vec<u8>),
    Close,
}

/// A nonce and its key: the group and epoch, and what the packet's own trailer says.
type Nonce = (GroupId, Epoch, Vec<u8>);

pub(crate) struct Person {
    pub(crate) manager: KeyManager,
    pub(super) media: MediaPipeline,
    pub(super) client: Option<ClientId>,
    /// The service has taken its hello.
    pub(super) entered: bool,
    pub(crate) up: VecDeque<Queued>,
    pub(crate) down: VecDeque<Queued>,
    /// Why it is in no room, or on no way into one.
    pub(crate) ended: Option<Event>,
    group: Option<GroupId>,
    sequence: u16,
    used: HashSet<Nonce>,
}

impl Person {
    pub(super) fn new(manager: KeyManager) -> Self {
        Self {
            manager,
            media: MediaPipeline::new(MediaConfig::default()),
            client: None,
            entered: false,
            up: VecDeque::new(),
            down: VecDeque::new(),
            ended: None,
            group: None,
            sequence: 0,
            used: HashSet::new(),
        }
    }

    pub(crate) fn queue(&mut self, way: Way) -> &mut VecDeque<Queued> {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }

    pub(super) fn forget_queues(&mut self) {
        self.up.clear();
        self.down.clear();
    }

    pub(super) fn apply(&mut self, update: MediaUpdate, now: Moment) {
        if let MediaUpdate::Install(secrets) = &update {
            self.group = Some(secrets.group_id);
        }
        self.media.apply(update, now);
    }

    pub(super) fn note(&mut self, event: Event) {
        if let Event::Left | Event::Removed | Event::Fatal(_) = event {
            self.ended = Some(event);
        }
    }

    /// Sends a packet, if it may. A restarted process begins with the same numbers again, so only
    /// a new key keeps the nonce from coming twice.
    pub(super) fn send_media(&mut self, now: Moment) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![0x80, 96];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend([0, 0, 0, 9]);
        packet.extend(Ssrc::new(7).get().to_be_bytes());
        packet.extend(b"a picture");
        let epoch = self.media.sending_epoch();
        if let (Ok(()), Some(epoch), Some(group)) =
            (self.media.protect(&mut packet, now), epoch, self.group)
        {
            // The sequence number, then MKI and roll-over counter.
            let trailer = packet.len().saturating_sub(7);
            let nonce = [&packet[2..4], &packet[trailer..]].concat();
            assert!(
                self.used.insert((group, epoch, nonce)),
                "a nonce comes twice"
            );
        }
    }

    /// A new process: packets are counted from the beginning.
    pub(super) fn forget_media(&mut self) {
        self.media = MediaPipeline::new(MediaConfig::default());
        self.sequence = 0;
    }
}
