//! What members tell each other inside the group.

use serde::{Deserialize, Serialize};

use super::{KeyManager, Output};
use crate::delivery::{Blob, ClientMessage};
use crate::id::ParticipantId;
use crate::pipeline::{MediaUpdate, Stream};

/// The content of an MLS application message of this protocol, as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum MemberMessage {
    /// The sender's streams, all of them.
    Streams { streams: Vec<Stream> },
}

/// Most streams that one member may announce: three sources with three layers each, and some.
const MAX_STREAMS: usize = 16;

impl KeyManager {
    /// Tells the group which streams are ours. Sent before the report that our epoch is applied,
    /// so that it stands in the log before anybody switches to that epoch.
    ///
    /// MLS forbids application messages while proposals are pending. The next epoch brings another
    /// chance, and so does every ping, for the proposals may be taken back.
    pub(super) fn announce(&mut self) {
        let message = MemberMessage::Streams {
            streams: self.streams.clone(),
        };
        let Ok(bytes) = serde_json::to_vec(&message) else {
            return;
        };
        let identity = &self.identity;
        let stay = match &mut self.phase {
            super::Phase::Member(stay) => stay,
            _ => return,
        };
        // Who never sent anything has nothing to say; who did says that it is over.
        if self.streams.is_empty() && !stay.has_announced {
            return;
        }
        if stay.must_renew {
            // What was encrypted in this epoch before the restart, nobody knows any more.
            stay.owes_announcement = true;
            return;
        }
        match stay.engine.encrypt(identity, &bytes) {
            Ok(message) => {
                stay.owes_announcement = false;
                stay.has_announced = true;
                stay.announcing = Some((message.clone(), false));
                let (group_id, epoch) = (stay.group_id, stay.engine.epoch());
                self.send(ClientMessage::Application {
                    group_id,
                    epoch,
                    message,
                });
            }
            Err(_) => stay.owes_announcement = true,
        }
    }

    /// An application message stands in the log.
    pub(super) fn logged(&mut self, message: &Blob) {
        let Some(stay) = self.any_stay() else { return };
        stay.announcing.take_if(|(ours, _)| ours == message);
    }

    /// The log is whole up to a ping. An announcement that is not in it at the second one is lost,
    /// whatever became of the refusal.
    pub(super) fn announce_what_is_owed(&mut self) {
        let Some(stay) = self.any_stay() else { return };
        let lost = match &mut stay.announcing {
            Some((_, pinged)) => std::mem::replace(pinged, true),
            None => false,
        };
        if lost || stay.owes_announcement {
            self.announce();
        }
    }

    /// A member's announcement. Anything else that a member says is ignored.
    pub(super) fn hear_announcement(&mut self, sender: &ParticipantId, bytes: &[u8]) {
        if let Ok(MemberMessage::Streams { mut streams }) = serde_json::from_slice(bytes) {
            streams.truncate(MAX_STREAMS);
            self.streams_of(sender.clone(), streams);
        }
    }

    /// Remembers a member's streams and tells the media pipeline.
    pub(super) fn streams_of(&mut self, participant: ParticipantId, streams: Vec<Stream>) {
        let Some(stay) = self.any_stay() else { return };
        // Those who go are forgotten with the epoch: in a large room everybody announces much.
        match stay.heard.iter_mut().find(|(who, _)| *who == participant) {
            Some((_, known)) => known.clone_from(&streams),
            None => stay.heard.push((participant.clone(), streams.clone())),
        }
        self.outputs.push_back(Output::Media(MediaUpdate::Streams {
            participant,
            streams,
        }));
    }
}
