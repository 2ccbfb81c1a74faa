//! Numbers and trust of the key manager.

use std::sync::Arc;
use std::time::Duration;

use crate::group::MlsSuite;
use crate::schedule::ModeKind;
use crate::trust::{CredentialValidator, PinnedKeys};

/// Times and trust of a [`crate::KeyManager`]; each default states its reason.
#[derive(Debug, Clone)]
pub struct ManagerConfig {
    /// How long the committer waits for more proposals before it commits. Default 100 ms: a single
    /// joiner does not feel it.
    pub batch_window: Duration,
    /// How long it waits while they keep coming, each within half a `batch_window` of the one
    /// before. A removal is not kept waiting. Default 400 ms: a flash crowd becomes a handful of
    /// epochs, each of which costs every member its work.
    pub batch_window_most: Duration,
    /// A room without a commit for this long is quiet, and its next proposal is committed at once.
    /// Default 1 s.
    pub quiet_after: Duration,
    /// How long sending waits for all members to report an epoch before it moves there anyway.
    /// Default 300 ms, well below the receivers' early-packet buffer.
    pub switch_cap: Duration,
    /// How long each committer has, after its commit is due, before the next in rank takes over.
    /// Adapts to twice the measured latency of commits, but is never less than this. Default
    /// 300 ms.
    pub takeover_after: Duration,
    /// The most that it adapts to. Default 5 s: a removal must not wait for longer.
    pub takeover_after_most: Duration,
    /// How long the service may take to answer a commit, a wish to enter or a wish to leave before
    /// the connection counts as broken. Default 10 s.
    pub answer_patience: Duration,
    /// How long the wish to be added may take while the service says that it stands, before it is uttered
    /// anew over another connection. Default 2 min: a crowd of 1,000 on one slow machine is in
    /// sooner, and each wish that is uttered anew costs a commit that is on its way.
    pub join_patience: Duration,
    /// How long a member may hear nothing from the service before its connection counts as broken.
    /// Default 4 s: two of the service's pings. That is less than the grace time of 5 s which the
    /// service gives a member whose connection it has lost, so a member whose end of the connection
    /// is all that is left of it comes back before it is removed.
    pub silence: Duration,
    /// How long we send without word from the service that the group is still in our epoch.
    /// Default 15 s: a service that hides a removal gains no more than this.
    pub max_exposure: Duration,
    /// How long a member whom we do not trust may stay before we leave. Default 5 s.
    pub distrust_patience: Duration,
    /// How often each member renews its leaf. Default 1 h: whoever stole our keys is locked out
    /// again after that.
    pub rotation: Duration,
    /// How long a room must be without a commit before somebody renews its leaf. Default 2 s, so
    /// that renewals come one by one and never beside a flash crowd.
    pub renewal_gap: Duration,
    /// Above so many members, every second member that was added renews its leaf soon: until then
    /// the tree is blank above it, and every commit costs more for all. Default 32.
    pub fill_above: usize,
    /// The MLS cipher suites that are accepted. Each leaf and key package signs this list, and no
    /// room of another suite is created or entered: the weakest of them is a floor that no service
    /// can lower. Default [`MlsSuite::ALL`].
    pub ciphersuites: Vec<MlsSuite>,
    /// The media modes that the application has a pipeline for; rooms of other modes are not
    /// entered. Default SRTP.
    pub modes: Vec<ModeKind>,
    /// Whether [`save`](crate::KeyManager::save) finds the group and not the signature key alone.
    /// Default `false`: what only a restart would read is then not written, the whole tree at each
    /// commit and the message secrets at each message. A stay that was restored is always kept.
    pub keeps_group: bool,
    /// Whose credentials are accepted. Default [`PinnedKeys`], which warn of changes.
    pub validator: Arc<dyn CredentialValidator>,
}

impl Default for ManagerConfig {
    fn default() -> Self {
        Self {
            batch_window: Duration::from_millis(100),
            batch_window_most: Duration::from_millis(400),
            quiet_after: Duration::from_secs(1),
            switch_cap: Duration::from_millis(300),
            takeover_after: Duration::from_millis(300),
            takeover_after_most: Duration::from_secs(5),
            answer_patience: Duration::from_secs(10),
            join_patience: Duration::from_secs(120),
            silence: Duration::from_secs(4),
            max_exposure: Duration::from_secs(15),
            distrust_patience: Duration::from_secs(5),
            rotation: Duration::from_secs(3_600),
            renewal_gap: Duration::from_secs(2),
            fill_above: 32,
            ciphersuites: MlsSuite::ALL.to_vec(),
            modes: vec![ModeKind::Srtp],
            keeps_group: false,
            validator: Arc::new(PinnedKeys::default()),
        }
    }
}
