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
    /// We lose our state and take our leaf back by an external commit; they follow.
    WeReturn,
    /// They commit Adds that the service proposed, and renewals; we follow.
    Commit,
    /// The service proposes two Adds and withdraws one; they commit the other.
    Withdraw,
    /// They leave: the service proposes it, we commit it, and their MLS says so.
    Leave,
    /// Our key manager removes them while they stay, and their MLS says so. The service must allow
    /// everybody to remove.
    Evict,
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
    pub const ALL: [Self; 10] = [
        Self::Join,
        Self::Create,
        Self::Return,
        Self::WeReturn,
        Self::Commit,
        Self::Withdraw,
        Self::Leave,
        Self::Evict,
        Self::WeLeave,
        Self::Remove,
    ];

    /// The name on the command line.
    pub fn name(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What happens, for a person.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Join => "we create, they join",
            Self::Create => "they create, we join",
            Self::Return => "they lose their state and come back",
            Self::WeReturn => "we lose our state and come back",
            Self::Commit => "they commit, we follow",
            Self::Withdraw => "they commit what is not withdrawn",
            Self::Leave => "they leave, we commit it",
            Self::Evict => "we remove them",
            Self::WeLeave => "we leave, they commit it",
            Self::Remove => "they remove us",
        }
    }

    /// Whether somebody removes somebody else in it, which the service must allow.
    pub const fn moderates(self) -> bool {
        matches!(self, Self::Evict | Self::Remove)
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
            Self::WeReturn => we_come_back(call, peers).await,
            Self::Commit => commit(call, peers).await,
            Self::Withdraw => withdraw(call, peers).await,
            Self::Leave => they_go(call, peers, false).await,
            Self::Evict => they_go(call, peers, true).await,
            Self::WeLeave => we_go(call, peers, false).await,
            Self::Remove => we_go(call, peers, true).await,
        }
    }
}

/// One of ours creates, and all others join one by one; where they and ours sit.
async fn join(call: &mut Call, peers: &[PeerKind]) -> Result<(Vec<Seat>, Seat), CallError> {
    let ours = call.enter_ours(OURS).await?;
    call.until_members(1).await?;
    Ok((enter(call, peers, 1).await?, ours))
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
    let (seats, _) = join(call, peers).await?;
    for seat in &seats {
        call.lose_state(*seat).await?;
        call.until_next_epoch(1 + seats.len()).await?;
        tokio::time::sleep(BETWEEN_RETURNS).await;
    }
    Ok(Vec::new())
}

async fn we_come_back(call: &mut Call, peers: &[PeerKind]) -> Result<Vec<Check>, CallError> {
    let (seats, ours) = create(call, peers).await?;
    call.lose_state(ours).await?;
    call.until_next_epoch(seats.len() + 1).await?;
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

/// The others go one by one, of themselves or removed by ours.
async fn they_go(
    call: &mut Call,
    peers: &[PeerKind],
    removed: bool,
) -> Result<Vec<Check>, CallError> {
    let mut checks = Vec::new();
    let (seats, ours) = join(call, peers).await?;
    let mut members = 1 + seats.len();
    for seat in seats {
        if removed {
            call.evict(ours, seat).await?;
        } else {
            call.leave(seat).await?;
        }
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
