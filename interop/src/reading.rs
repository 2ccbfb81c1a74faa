//! What one member has in one epoch, read from its own implementation's interface.

use mls_srtp::epoch::EpochSecrets;
use mls_srtp::group::Roster;
use mls_srtp::id::{Epoch, GroupId, InvalidId, LeafIndex, ParticipantId};
use mls_srtp::schedule::{
    EXPORTER, ExportedSecret, HASH_LEN, MasterKey, MediaSecret, Profile, exporter_context,
};
use mls_srtp::secret::Secret;

use crate::peer::{Peer, PeerError};

/// A member's view of an epoch. It holds secrets.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Whose.
    pub who: ParticipantId,
    /// Implementation and version.
    pub implementation: &'static str,
    /// Its epoch, roster and exporter output, as a media pipeline takes them.
    pub secrets: EpochSecrets,
    /// The epoch authenticator (RFC 9420 §8.7).
    pub authenticator: Secret,
}

/// Why a peer could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It refused to say.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// It names a member or a leaf that no room has.
    #[error("a member that no room has: {0}")]
    Member(#[from] InvalidId),
}

impl Reading {
    /// Asks a peer for all that it has in its current epoch.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn of_peer(
        who: &ParticipantId,
        peer: &mut dyn Peer,
        group_id: GroupId,
        profile: Profile,
    ) -> Result<Self, ReadError> {
        let view = peer.view()?;
        let member = |member: crate::peer::Member| {
            let leaf = LeafIndex::try_from(member.leaf)?;
            Ok::<_, InvalidId>((leaf, member.identity.parse()?))
        };
        let members = view.members.into_iter().map(member);
        let exported = peer.export(EXPORTER, &exporter_context(group_id), HASH_LEN)?;
        Ok(Self {
            who: who.clone(),
            implementation: peer.name(),
            secrets: EpochSecrets {
                group_id,
                epoch: Epoch::new(view.epoch),
                own_leaf: LeafIndex::try_from(view.own_leaf)?,
                roster: Roster::new(members.collect::<Result<Vec<_>, _>>()?),
                media: MediaSecret::Srtp(profile, ExportedSecret::new(Secret::new(exported))),
            },
            authenticator: Secret::new(peer.epoch_authenticator()?),
        })
    }

    /// The exporter's output with the call of the key schedule.
    pub fn exported(&self) -> &[u8] {
        match &self.secrets.media {
            MediaSecret::Srtp(_, exported) => exported.secret().expose(),
            MediaSecret::Sframe(_) => &[],
        }
    }

    /// The SRTP master key and salt of every sender, derived from the exporter's output.
    pub fn senders(&self) -> Vec<(LeafIndex, ParticipantId, MasterKey)> {
        let MediaSecret::Srtp(profile, exported) = &self.secrets.media else {
            return Vec::new();
        };
        let epoch = exported.clone().into_epoch_key();
        let of = |member: &mls_srtp::group::Member| {
            let name = ParticipantId::clone(&member.participant);
            (member.leaf, name, epoch.sender(member.leaf, *profile))
        };
        self.secrets.roster.iter().map(of).collect()
    }

    /// Whether two members have the same epoch, and everything in it is equal.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let keys = |reading: &Self| -> Vec<_> {
            let bytes = |secret: &Secret| secret.expose().to_vec();
            let senders = reading.senders().into_iter();
            senders
                .map(|(leaf, who, key)| (leaf, who, bytes(key.key()), bytes(key.salt())))
                .collect()
        };
        self.secrets.group_id == other.secrets.group_id
            && self.secrets.epoch == other.secrets.epoch
            && self.secrets.roster == other.secrets.roster
            && self.authenticator.expose() == other.authenticator.expose()
            && self.exported() == other.exported()
            && keys(self) == keys(other)
    }
}
