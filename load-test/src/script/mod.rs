//! What is going to happen, worked out before it begins: who joins, leaves, loses its connection,
//! and when a fault lies in wait. Pure: one seed, one script.

mod draw;

use std::time::Duration;

use draw::Draw;

/// A virtual user, by number.
pub type User = usize;

/// What is to be run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    /// What happens in it.
    pub shape: Shape,
    /// Participants in the room.
    pub participants: usize,
    /// How long the script runs.
    pub seconds: Duration,
    /// What the script is drawn from.
    pub seed: u64,
}

/// The kinds of profiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// Steady coming and going, at so many of each per second.
    Churn { rate: Option<f64> },
    /// Everybody joins in that time.
    FlashCrowd { over: Duration },
    /// Nine of ten leave in that time.
    MassExodus { over: Duration },
    /// Whoever commits crashes.
    CommitterCrash,
    /// Connections break and come back.
    Flapping,
    /// The service is killed and started again.
    ServiceRestart,
}

impl Shape {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Churn { .. } => "churn",
            Self::FlashCrowd { .. } => "flash-crowd",
            Self::MassExodus { .. } => "mass-exodus",
            Self::CommitterCrash => "committer-crash",
            Self::Flapping => "flapping",
            Self::ServiceRestart => "service-restart",
        }
    }

    /// The fault that it injects.
    pub fn fault(self) -> Option<FaultKind> {
        match self {
            Self::CommitterCrash => Some(FaultKind::Crash),
            Self::Flapping => Some(FaultKind::Cut),
            Self::ServiceRestart => Some(FaultKind::Kill),
            _ => None,
        }
    }

    /// Whether it injects faults.
    pub fn has_faults(self) -> bool {
        self.fault().is_some()
    }

    /// Whether somebody is to leave in it.
    pub fn has_leavers(self) -> bool {
        !matches!(self, Self::FlashCrowd { .. })
    }

    /// How much of its length its one wave of joins or leaves may take.
    pub fn time_for(self, seconds: Duration) -> Duration {
        match self {
            Self::MassExodus { .. } => seconds / 2,
            _ => seconds,
        }
    }

    /// How long it runs if nobody says.
    pub fn usual_length(self) -> Duration {
        match self {
            // Nothing happens afterwards but renewals.
            Self::FlashCrowd { over } => over,
            Self::Churn { .. } => Duration::from_secs(60),
            _ => Duration::from_secs(30),
        }
    }
}

/// The whole script.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// How many users there are in it.
    pub users: usize,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// When it is over.
    pub end: Duration,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// When, since the beginning.
    pub at: Duration,
    /// What.
    pub act: Act,
}

/// The things that happen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Act {
    /// A user joins.
    Join(User),
    /// A user leaves.
    Leave(User),
    /// A user's connection breaks and cannot be made again for so long.
    Cut(User, Duration),
    /// A fault lies in wait for the next commit that takes a proposal.
    Arm(Fault),
}

/// A fault that strikes in the middle of a commit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// What breaks.
    pub kind: FaultKind,
    /// When it strikes.
    pub window: Window,
    /// How long it lasts.
    pub down: Duration,
    /// What a crashed client has when it comes back.
    pub returns: Returns,
}

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The committer's process.
    Crash,
    /// The committer's connection.
    Cut,
    /// The service's process.
    Kill,
}

/// Where in the life of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The proposal is known, and the commit is made but not sent.
    Proposal,
    /// The commit is sent.
    Submission,
    /// The service has accepted it, and its author has not processed that yet.
    Acceptance,
}

impl Window {
    /// All of them, in the order of a commit's life.
    pub const ALL: [Self; 3] = [Self::Proposal, Self::Submission, Self::Acceptance];
}

/// What a crashed client has when it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returns {
    /// Its whole saved state.
    WithState,
    /// Its signature key alone.
    WithKey,
    /// It does not come back.
    Never,
}

impl Script {
    /// The script of a profile.
    pub fn of(profile: &Profile) -> Self {
        let mut draw = Draw::new(profile);
        match profile.shape {
            Shape::Churn { rate } => draw.churn(rate),
            Shape::FlashCrowd { over } => draw.crowd(0..profile.participants, over),
            Shape::MassExodus { over } => draw.exodus(over),
            Shape::CommitterCrash => draw.faults(FaultKind::Crash),
            Shape::Flapping => {
                draw.faults(FaultKind::Cut);
                draw.flapping();
            }
            Shape::ServiceRestart => draw.faults(FaultKind::Kill),
        }
        draw.script()
    }

    /// How often somebody joins.
    pub fn joins(&self) -> usize {
        let joins = self.steps.iter();
        joins
            .filter(|step| matches!(step.act, Act::Join(_)))
            .count()
    }
}

#[cfg(test)]
mod tests;
