//! Keeps the service running: buries it when it was killed, holds its log against what it had
//! acknowledged, and starts it again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::client::World;
use crate::ledger;
use crate::script::Fault;
use crate::service::{Death, Service};

/// How often it is looked whether the service still lives.
const LOOK: Duration = Duration::from_millis(100);

/// What the keeper has seen.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// Commits held against the log.
    pub compared: u64,
    /// Of them those that were not there.
    pub lost: u64,
    /// SIGKILLs that were not ours.
    pub killed_by_others: u64,
    /// Ends by itself.
    pub failures: u64,
    /// The service is dead at the moment.
    pub down: bool,
    /// What went wrong with the keeping.
    pub trouble: Vec<String>,
}

/// A keeper and what it has seen. Clones are the same.
#[derive(Clone)]
pub struct Keeper {
    world: Arc<World>,
    service: Arc<Service>,
    kept: Arc<Mutex<Kept>>,
}

impl Keeper {
    /// A keeper of that service.
    pub fn new(world: &Arc<World>, service: &Arc<Service>) -> Self {
        Self {
            world: Arc::clone(world),
            service: Arc::clone(service),
            kept: Arc::default(),
        }
    }

    /// What it has seen so far.
    pub fn kept(&self) -> Kept {
        self.lock().clone()
    }

    /// Keeps the service until the task is aborted.
    pub async fn keep(self, mut killed: mpsc::UnboundedReceiver<Fault>) {
        let mut look = tokio::time::interval(LOOK);
        loop {
            let down = tokio::select! {
                fault = killed.recv() => match fault {
                    Some(fault) => fault.down,
                    None => return,
                },
                _ = look.tick() => match self.service.has_died() {
                    Some(death) => {
                        self.found(death);
                        Duration::ZERO
                    }
                    None => continue,
                },
            };
            self.lock().down = true;
            self.audit();
            tokio::time::sleep(down).await;
            if let Err(error) = self.service.restart().await {
                self.lock().trouble.push(error.to_string());
                return;
            }
            self.lock().down = false;
        }
    }

    /// Buries the dead service and looks at what it has left.
    pub fn audit(&self) {
        // Before the log is read: what is acknowledged later was never in that process.
        let acknowledged = self.world.notebook.read(|pages| pages.acknowledged.clone());
        self.service.buried();
        let log = ledger::read(&self.service.store(), &self.world.room);
        let mut kept = self.lock();
        match log {
            Ok(log) => {
                let compared = ledger::compare(&acknowledged, &log);
                kept.compared += compared.compared;
                kept.lost += compared.lost;
            }
            Err(error) => kept
                .trouble
                .push(format!("the service's log cannot be read: {error}")),
        }
    }

    fn found(&self, death: Death) {
        let mut kept = self.lock();
        match death {
            Death::Killed => kept.killed_by_others += 1,
            Death::Failed => kept.failures += 1,
        }
    }

    /// Nothing in here panics between two changes.
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
