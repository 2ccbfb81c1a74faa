//! What goes on, second by second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::client::World;
use crate::usage;

/// The state of a run at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    /// Seconds since the beginning.
    pub at: f64,
    /// Members.
    pub members: usize,
    /// Epochs so far.
    pub epochs: u64,
    /// Processor time of the service so far, in seconds.
    pub service: Option<f64>,
    /// That of the clients.
    pub clients: Option<f64>,
    /// Resident memory of the service, in MB.
    pub rss_mb: Option<f64>,
}

/// Takes a sample each second until it is stopped.
pub struct Watch {
    world: Arc<World>,
    own_before: Option<f64>,
    task: JoinHandle<()>,
    samples: Arc<Mutex<Vec<Sample>>>,
}

impl Watch {
    /// Begins; `own_before` is what this process had used already.
    pub fn start(world: &Arc<World>, own_before: Option<f64>) -> Self {
        let samples: Arc<Mutex<Vec<Sample>>> = Arc::default();
        let (watched, taken) = (Arc::clone(world), Arc::clone(&samples));
        let task = tokio::spawn(async move {
            let mut second = tokio::time::interval(Duration::from_secs(1));
            loop {
                second.tick().await;
                let sample = take(&watched, own_before);
                lock(&taken).push(sample);
            }
        });
        Self {
            world: Arc::clone(world),
            own_before,
            task,
            samples,
        }
    }

    /// What it has seen, until now.
    pub fn stop(self) -> Vec<Sample> {
        self.task.abort();
        let mut samples = lock(&self.samples).clone();
        samples.push(take(&self.world, self.own_before));
        samples
    }
}

fn take(world: &World, own_before: Option<f64>) -> Sample {
    let service = world.service.as_ref().map(|service| service.usage());
    let service = service.unwrap_or_default();
    let own = usage::own().cpu_seconds;
    let (members, epochs) = world.notebook.read(|pages| (pages.members(), pages.epochs));
    Sample {
        at: world.notebook.now().as_secs_f64(),
        members,
        epochs,
        service: service.cpu_seconds,
        clients: own.zip(own_before).map(|(now, before)| now - before),
        rss_mb: service.rss_mb,
    }
}

/// Nothing in here panics while it holds the list.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
