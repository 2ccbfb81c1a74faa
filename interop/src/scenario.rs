//! What is played in a room, with one or more other implementations and ours.

use std::time::Duration;

use crate::call::{Call, CallError, Seat};
use crate::peer::PeerKind;

/// One story, from a vacant room on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// We create the room's group, and they join it by Welcome.
    Join,
    /// They create it, and we join.
    Create,
    /// They lose their state and take their leaf back by an external commit.
    Return,
    /// They commit Adds that the service proposed, and renewals; we follow.
    Commit,
    /// The service proposes two Adds and withdraws one; they commit the other.
    Withdraw,
    /// They leave: the service proposes it, we commit it, and their MLS says so.
    Leave,
    /// We leave: the service proposes it, they commit it, and our key manager says so.
    WeLeave,
    /// They remove us, and our key manager says so. The service must allow everybody to remove.
    Remove,
}

/// Something that must be so besides equal secrets.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// What.
    pub what: String,
    /// Whether it is.
    pub held: bool,
}

/// The story's people: ours have no implementation of somebody else's.
const OURS: &str = "ours";
const OURS_TOO: &str = "ours-too";
const NOT_COMING: &str = "not-coming";

/// A service takes the next external commit of a room after a tenth of a second.
const BETWEEN_RETURNS: Duration = Duration::from_millis(150);

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Join,
        Self::Create,
        Self::Return,
        Self::Commit,
        Self::Withdraw,
        Self::Leave,
        Self::WeLeave,
        Self::Remove,
    ];

    /// What happens, for a person.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Join => "we create, they join",
            Self::Create => "they create, we join",
            Self::Return => "they lose their state and come back",
            Self::Commit => "they commit, we follow",
            Self::Withdraw => "they commit what is not withdrawn",
            Self::Leave => "they leave, we commit it",
            Self::WeLeave => "we leave, they commit it",
            Self::Remove => "they remove us",
        }
    }

    /// Plays it in a vacant room; what must be so besides equal secrets.
    ///
    /// # Errors
    /// [`CallError`] where the story breaks off.
    pub async fn play(self, call: &mut Call, peers: &[PeerKind]) -> Result<Vec<Check>, CallError> {
        match self {
            Self::Join => join(call, peers).await.map(|_| Vec::new()),
            Self::Create => create(call, peers).await.map(|_| Vec::new()),
            Self::Return => come_back(call, peers).await,
            Self::Commit => commit(call, peers).await,
            Self::Withdraw => withdraw(call, peers).await,
            Self::Leave => leave(call, peers).await,
            Self::WeLeave => we_go(call, peers, false).await,
            Self::Remove => we_go(call, peers, true).await,
        }
    }
}

/// One of ours creates, and all others join one by one; where they sit.
async fn join(call: &mut Call, peers: &[PeerKind]) -> Result<Vec<Seat>, CallError> {
    call.enter_ours(OURS).await?;
    call.until_members(1).await?;
    enter(call, peers, 1).await
}

/// One of the others creates, and everybody else joins one by one; where they and ours sit.
async fn create(call: &mut Call, peers: &[PeerKind]) -> Result<(Vec<Seat>, Seat), CallError> {
    let seats = enter(call, peers, 0).await?;
    let ours = call.enter_ours(OURS).await?;
    call.until_members(seats.len() + 1).await?;
    Ok((seats, ours))
}

async fn enter(
    call: &mut Call,
    peers: &[PeerKind],
    already: usize,
) -> Result<Vec<Seat>, CallError> {
    let mut seats = Vec::new();
    for kind in peers {
        seats.push(call.enter(*kind).await?);
        call.until_members(already + seats.len()).await?;
    }
    Ok(seats)
}

async fn come_back(call: &mut Call, peers: &[PeerKind]) -> Result<Vec<Check>, CallError> {
    let seats = join(call, peers).await?;
    for seat in &seats {
        call.lose_state(*seat).await?;
        call.until_next_epoch(1 + seats.len()).await?;
        tokio::time::sleep(BETWEEN_RETURNS).await;
    }
    Ok(Vec::new())
}

async fn commit(call: &mut Call, peers: &[PeerKind]) -> Result<Vec<Check>, CallError> {
    let (seats, _) = create(call, peers).await?;
    call.enter_ours(OURS_TOO).await?;
    let members = seats.len() + 2;
    call.until_members(members).await?;
    for seat in seats {
        call.commit(seat).await?;
        call.until_next_epoch(members).await?;
    }
    Ok(Vec::new())
}

async fn withdraw(call: &mut Call, peers: &[PeerKind]) -> Result<Vec<Check>, CallError> {
    let (seats, _) = create(call, peers).await?;
    for seat in &seats {
        call.hold_back(*seat);
    }
    let not_coming = call.enter_ours(NOT_COMING).await?;
    call.enter_ours(OURS_TOO).await?;
    for seat in &seats {
        call.until_proposed(*seat, 2).await?;
    }
    call.leave(not_coming).await?;
    for seat in &seats {
        call.until_proposed(*seat, 1).await?;
    }
    if let Some(first) = seats.first() {
        call.commit(*first).await?;
    }
    call.until_members(seats.len() + 2).await?;
    Ok(Vec::new())
}

async fn leave(call: &mut Call, peers: &[PeerKind]) -> Result<Vec<Check>, CallError> {
    let mut checks = Vec::new();
    let seats = join(call, peers).await?;
    let mut members = 1 + seats.len();
    for seat in seats {
        call.leave(seat).await?;
        call.until_out(seat).await?;
        members -= 1;
        call.until_members(members).await?;
        checks.push(says(call, seat, "removed"));
    }
    Ok(checks)
}

/// One of ours goes, and another stays to compare with.
async fn we_go(
    call: &mut Call,
    peers: &[PeerKind],
    removed: bool,
) -> Result<Vec<Check>, CallError> {
    let (seats, ours) = create(call, peers).await?;
    call.enter_ours(OURS_TOO).await?;
    call.until_members(seats.len() + 2).await?;
    match seats.first().filter(|_| removed) {
        Some(first) => call.evict(*first, ours).await?,
        None => call.leave(ours).await?,
    }
    call.until_out(ours).await?;
    call.until_members(seats.len() + 1).await?;
    let expected = if removed { "removed" } else { "left" };
    Ok(vec![says(call, ours, expected)])
}

/// The own MLS of somebody who went must have said how.
fn says(call: &Call, seat: Seat, how: &'static str) -> Check {
    let (name, said) = call.end_of(seat);
    Check {
        what: format!("{name} says of itself: {how}"),
        held: said == Some(how),
    }
}
