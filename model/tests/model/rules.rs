//! The rules of the protocol, each of which can be switched off, and how much of the world a check
//! admits.

/// Every rule that the checks depend on. A test switches each one off and sees what breaks.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The service accepts a commit only in its current epoch.
    pub cas_on_epoch: bool,
    /// The service refuses a commit without a proposal that its author had seen.
    pub refuse_omission: bool,
    /// The service refuses a commit with a withdrawn proposal.
    pub refuse_withdrawn: bool,
    /// A proposal made anew in its epoch is no longer withdrawn. An external sender's proposal to
    /// remove a leaf has the same bytes each time, and so the same reference.
    pub renewal_lifts_withdrawal: bool,
    /// The Remove of a lost member is taken back when it returns.
    pub withdraw_on_return: bool,
    /// The service proposes every open wish again in every epoch.
    pub resign_wishes: bool,
    /// A wish that cannot be proposed in this epoch any more is refused, not kept waiting for the
    /// next one, which may never come.
    pub refuse_what_cannot_be_proposed: bool,
    /// That an older connection of a device is gone means nothing once it has a newer one.
    pub newest_connection_counts: bool,
    /// A newer wish is proposed at once when the Add is declined behind which it waited.
    pub propose_what_waited: bool,
    /// The last one who leaves ends the group, and nobody before.
    pub keep_while_somebody_stays: bool,
    /// A member without a connection stays until its grace time is over.
    pub keep_for_who_is_away: bool,
    /// A group in which all who could commit are silent ends.
    pub give_up_on_silence: bool,
    /// A Welcome goes only to the connection that brought the key package it is for.
    pub welcome_only_its_key: bool,
    /// Two decliners drop a wish, or one if there are no two who could commit.
    pub fewer_decliners_if_few: bool,
    /// Members change their state only when the log brings their commit back.
    pub wait_for_acceptance: bool,
    /// Committers of any rank commit when those before them do not.
    pub takeover: bool,
    /// The loser of a race drops its commit.
    pub drop_on_lost_race: bool,
    /// A member commits nothing between its return and the room's answer.
    pub quiet_until_greeted: bool,
    /// A returned member drops a commit of which the room's answer says that it never arrived.
    pub retry_after_return: bool,
    /// A returned member keeps a commit that may have been accepted.
    pub keep_commit_on_return: bool,
    /// A returned member declines again what it declined on a connection that broke.
    pub decline_again: bool,
}

impl Rules {
    pub const ALL: Self = Self {
        cas_on_epoch: true,
        refuse_omission: true,
        refuse_withdrawn: true,
        renewal_lifts_withdrawal: true,
        withdraw_on_return: true,
        resign_wishes: true,
        refuse_what_cannot_be_proposed: true,
        newest_connection_counts: true,
        keep_while_somebody_stays: true,
        keep_for_who_is_away: true,
        give_up_on_silence: true,
        propose_what_waited: true,
        welcome_only_its_key: true,
        fewer_decliners_if_few: true,
        wait_for_acceptance: true,
        takeover: true,
        drop_on_lost_race: true,
        quiet_until_greeted: true,
        retry_after_return: true,
        keep_commit_on_return: true,
        decline_again: true,
    };
}

/// What may yet befall the room. Each event takes one; all else happens as often as it can.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// A device outside the group asks to join, also after a crash, without its state.
    pub joins: u8,
    /// A member leaves.
    pub leaves: u8,
    /// A process dies and never says so.
    pub crashes: u8,
    /// A connection breaks, with all that is in flight in it.
    pub breaks: u8,
    /// A member stays connected, and follows, but commits nothing any more.
    pub silences: u8,
    /// A member's commit leaves out a proposal.
    pub omissions: u8,
    /// Somebody who joins is declined by some of the members.
    pub distrusts: u8,
}
