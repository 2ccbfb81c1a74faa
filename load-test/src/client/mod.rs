//! A virtual user: joins, leaves, crashes and comes back as the script says.

mod commits;
mod life;
mod media;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::manager::SavedState;
use mls_srtp_participant::trust::Trust;
use tokio::sync::mpsc;

use crate::faults::Traps;
use crate::notebook::{Fact, Notebook};
use crate::script::{Fault, Returns, User};
use crate::service::Service;
use life::{End, Life};
pub use media::{MediaLog, Span};

/// What all clients of a run share.
pub struct World {
    /// The service's address, `ws://host:port/` or `wss://host/`.
    pub url: String,
    /// Whose certificates are believed there.
    pub trust: Trust,
    /// The room that all enter.
    pub room: RoomName,
    /// Where they write down what they see.
    pub notebook: Notebook,
    /// The faults that lie in wait for them.
    pub traps: Traps,
    /// The service's process, if it is ours to kill.
    pub service: Option<Arc<Service>>,
    /// Told when a fault has killed it.
    pub killed: mpsc::UnboundedSender<Fault>,
    /// Whether clients keep their state over a crash.
    pub saves: bool,
    /// What was sent and heard, if they send media.
    pub media: Option<MediaLog>,
}

/// What the script tells a user.
#[derive(Debug, Clone, Copy)]
pub enum Command {
    /// To join; since when it should have.
    Join(Duration),
    /// To leave.
    Leave,
    /// To lose its connection for so long.
    Cut(Duration),
}

/// The name of a user.
pub fn name(user: User) -> ParticipantId {
    let name = format!("u{user:04}");
    ParticipantId::new(&name, "load.test", "device").expect("a name of letters and digits")
}

/// The user of that name.
pub fn user(participant: &ParticipantId) -> Option<User> {
    participant.user().strip_prefix('u')?.parse().ok()
}

/// The task of a user, until nobody can command it any more.
pub async fn live(world: Arc<World>, user: User, mut commands: mpsc::UnboundedReceiver<Command>) {
    let mut next = commands.recv().await;
    while let Some(command) = next.take() {
        if let Command::Join(at) = command {
            world.notebook.note_at(at, user, Fact::Asked);
            next = stay(&world, user, &mut commands).await;
        }
        if next.is_none() {
            next = commands.recv().await;
        }
    }
}

/// One stay, crashes included. Returns a command that came too early for it.
async fn stay(
    world: &World,
    user: User,
    commands: &mut mpsc::UnboundedReceiver<Command>,
) -> Option<Command> {
    let mut life = Life::new(world, user);
    loop {
        match life.run(commands).await {
            End::Over(command) => return command,
            End::Crashed { fault, saved } => {
                world.notebook.note(user, Fact::Crashed);
                if fault.returns == Returns::Never || left_meanwhile(commands, fault.down).await {
                    return None;
                }
                world.notebook.note(user, Fact::Returned);
                life = returned(world, user, saved, fault.returns);
            }
        }
    }
}

/// Whether somebody who is dead for the moment should not come back.
async fn left_meanwhile(commands: &mut mpsc::UnboundedReceiver<Command>, down: Duration) -> bool {
    let gone = async {
        loop {
            match commands.recv().await {
                Some(Command::Leave) | None => return,
                Some(_) => {}
            }
        }
    };
    tokio::time::timeout(down, gone).await.is_ok()
}

/// A client that was started again with what it had kept.
fn returned(world: &World, user: User, saved: Option<SavedState>, returns: Returns) -> Life<'_> {
    let kept = match returns {
        Returns::WithKey => saved.and_then(|saved| saved.without_group().ok()),
        _ => saved,
    };
    match kept {
        Some(kept) => Life::restored(world, user, &kept),
        None => Life::new(world, user),
    }
}
