//! Which message goes where.

use mls_srtp::delivery::{ClientMessage, Refusal};
use mls_srtp::id::{GroupId, ParticipantId};
use mls_srtp::time::Moment;

use super::commits::Submission;
use super::{ClientId, Refused, Room, refuse};

impl Room {
    /// Gives a message to whoever handles it.
    pub(super) fn dispatch(
        &mut self,
        client: ClientId,
        participant: &ParticipantId,
        message: ClientMessage,
        now: Moment,
    ) -> Result<(), Refused> {
        match message {
            ClientMessage::Hello { .. } => refuse(Refusal::OutOfOrder, "hello was said before"),
            ClientMessage::Create {
                generation,
                group_id,
                group_info,
                tree,
            } => {
                let group = (group_id, group_info, tree);
                self.create(client, participant, generation, group, now)
            }
            ClientMessage::Join { key_package } => {
                self.wish_to_join(client, participant, key_package, now)
            }
            ClientMessage::Leave => self.wish_to_leave(client, participant, now),
            ClientMessage::Evict { participant: whom } => {
                self.wish_to_evict(participant, &whom, now)
            }
            ClientMessage::Readmit { participant: whom } => self.readmit(participant, &whom),
            ClientMessage::PublishKeyPackages {
                key_packages,
                last_resort,
            } => self.publish(client, participant, key_packages, last_resort),
            ClientMessage::Invite { participant: whom } => self.invite(participant, &whom, now),
            ClientMessage::Media(signal) => self.media(participant.clone(), signal),
            other => self.dispatch_to_group(client, participant, other, now),
        }
    }

    /// The messages that name the group which they mean.
    fn dispatch_to_group(
        &mut self,
        client: ClientId,
        participant: &ParticipantId,
        message: ClientMessage,
        now: Moment,
    ) -> Result<(), Refused> {
        if let Some(group_id) = group_of(&message) {
            self.current_group(group_id)?;
        }
        match message {
            ClientMessage::Commit {
                epoch,
                seen_seq,
                commit,
                welcome,
                group_info,
                ..
            } => {
                let submission = Submission {
                    epoch,
                    seen_seq,
                    commit,
                    welcome,
                    group_info,
                };
                self.commit(participant, submission, now)
            }
            ClientMessage::Declined {
                seq, reason, code, ..
            } => self.declined(participant, seq, (code, &reason), now),
            ClientMessage::AskGroupInfo { .. } => self.give_group_info(client, participant),
            ClientMessage::ExternalCommit {
                epoch,
                commit,
                group_info,
                ..
            } => self.external_commit(participant, epoch, (commit, group_info), now),
            ClientMessage::Application { epoch, message, .. } => {
                self.application(participant, epoch, message, now)
            }
            ClientMessage::Applied {
                seq,
                authenticator_hash,
                ..
            } => self.applied(participant, seq, authenticator_hash),
            ClientMessage::CannotApply { seq, reason, .. } => {
                self.cannot_apply(participant, seq, &reason, now);
                Ok(())
            }
            ClientMessage::Distrust { leaf, reason, .. } => {
                self.distrust(participant, leaf, &reason, now)
            }
            _ => refuse(Refusal::Malformed, "a message of a later version"),
        }
    }
}

/// The group that a message names.
fn group_of(message: &ClientMessage) -> Option<GroupId> {
    match message {
        ClientMessage::Commit { group_id, .. }
        | ClientMessage::Declined { group_id, .. }
        | ClientMessage::AskGroupInfo { group_id }
        | ClientMessage::ExternalCommit { group_id, .. }
        | ClientMessage::Distrust { group_id, .. }
        | ClientMessage::Application { group_id, .. }
        | ClientMessage::Applied { group_id, .. }
        | ClientMessage::CannotApply { group_id, .. } => Some(*group_id),
        _ => None,
    }
}

/// The `type` of a message, as a refusal names it.
pub(super) fn request_name(message: &ClientMessage) -> &'static str {
    match message {
        ClientMessage::Hello { .. } => "hello",
        ClientMessage::Create { .. } => "create",
        ClientMessage::Join { .. } => "join",
        ClientMessage::Leave => "leave",
        ClientMessage::Evict { .. } => "evict",
        ClientMessage::Readmit { .. } => "readmit",
        ClientMessage::PublishKeyPackages { .. } => "publish_key_packages",
        ClientMessage::Invite { .. } => "invite",
        ClientMessage::Commit { .. } => "commit",
        ClientMessage::Application { .. } => "application",
        ClientMessage::Applied { .. } => "applied",
        ClientMessage::CannotApply { .. } => "cannot_apply",
        ClientMessage::Declined { .. } => "declined",
        ClientMessage::AskGroupInfo { .. } => "ask_group_info",
        ClientMessage::ExternalCommit { .. } => "external_commit",
        ClientMessage::Distrust { .. } => "distrust",
        ClientMessage::Media(_) => "media",
        _ => "unknown",
    }
}
