//! What a client does with commits, and where faults strike.

use mls_srtp::delivery::{ClientMessage, LogBody, LogEntry};

use super::life::{End, Life};
use crate::script::{Fault, FaultKind, Window};

impl Life<'_> {
    /// Looks at a log entry before the manager does.
    pub(super) fn follow(&mut self, entry: &LogEntry) -> Option<Fault> {
        self.world.notebook.told(self.user, entry, self.first);
        match &entry.body {
            LogBody::Proposal { .. } => self.pending += 1,
            LogBody::Withdrawn { .. } => self.pending = self.pending.saturating_sub(1),
            LogBody::Commit { commit, .. } => {
                self.pending = 0;
                let (ours, fault) = self.submitted.take()?;
                if ours == *commit {
                    return fault;
                }
                self.submitted = Some((ours, fault));
                self.missed();
            }
            _ => {}
        }
        None
    }

    /// Our commit was not accepted: the fault that waited for that waits for another one.
    pub(super) fn missed(&mut self) {
        if let Some((_, Some(fault))) = self.submitted.take() {
            self.world.traps.put_back(fault);
        }
    }

    /// Sends a message, with the fault that belongs to it.
    pub(super) async fn send(&mut self, message: ClientMessage) -> Option<End> {
        let notebook = &self.world.notebook;
        let mut fault = None;
        match &message {
            ClientMessage::Commit { commit, .. } => {
                notebook.submitting(self.user, commit, false);
                self.missed();
                fault = (self.pending > 0)
                    .then(|| self.world.traps.spring())
                    .flatten();
                let waits = fault.filter(|fault| fault.window == Window::Acceptance);
                self.submitted = Some((commit.clone(), waits));
            }
            ClientMessage::ExternalCommit { commit, .. } => {
                notebook.submitting(self.user, commit, true);
            }
            _ => {}
        }
        let struck = |window| fault.filter(|fault| fault.window == window);
        if let Some(fault) = struck(Window::Proposal)
            && let Some(crash) = self.strike(fault)
        {
            return Some(crash);
        }
        let bytes = self.wire.send(&message).await;
        if !matches!(message, ClientMessage::Media(_)) {
            self.world.notebook.count_bytes(bytes);
        }
        struck(Window::Submission).and_then(|fault| self.strike(fault))
    }

    /// A fault strikes now; says so if it ends this process.
    pub(super) fn strike(&mut self, fault: Fault) -> Option<End> {
        self.world.traps.struck(self.world.notebook.now(), fault);
        match fault.kind {
            FaultKind::Crash => {
                return Some(End::Crashed {
                    fault,
                    saved: self.saved.take(),
                });
            }
            FaultKind::Cut => self.wire.cut(fault.down),
            FaultKind::Kill => {
                if let Some(service) = &self.world.service {
                    service.kill();
                    // The run is over when nobody listens any more.
                    let _ = self.world.killed.send(fault);
                }
            }
        }
        None
    }
}
