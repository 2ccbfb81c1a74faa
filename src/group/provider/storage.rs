//! Where the MLS library keeps what it will read again.
//!
//! It writes down everything, the whole ratchet tree at every commit and the message secrets at
//! every message, and while it runs it reads little of that. What only loading a group would read
//! is kept only if the group is to be loaded.

use std::sync::PoisonError;

use openmls_rust_crypto::{MemoryStorage, MemoryStorageError};
use openmls_traits::storage::{CURRENT_VERSION, StorageProvider, traits};
use zeroize::Zeroizing;

/// The library's keys and values, in its own encoding.
pub(crate) type StoredValues = Vec<(Vec<u8>, Zeroizing<Vec<u8>>)>;

/// A storage in memory.
#[derive(Default)]
pub(crate) struct Storage {
    memory: MemoryStorage,
    keeps_group: bool,
}

impl Storage {
    pub(super) fn new(keeps_group: bool) -> Self {
        Self {
            memory: MemoryStorage::default(),
            keeps_group,
        }
    }

    /// All that is there, secrets included, in a fixed order; `None` if no group can be loaded from
    /// it.
    pub(crate) fn values(&self) -> Option<StoredValues> {
        if !self.keeps_group {
            return None;
        }
        let values = self.memory.values.read();
        // A writer that panicked left the map as it was.
        let values = values.unwrap_or_else(PoisonError::into_inner);
        let mut copied: Vec<_> = values
            .iter()
            .map(|(key, value)| (key.clone(), Zeroizing::new(value.clone())))
            .collect();
        copied.sort_by(|(a, _), (b, _)| a.cmp(b));
        Some(copied)
    }

    /// Puts back what [`Self::values`] gave.
    pub(crate) fn put(&self, values: StoredValues) {
        let kept = self.memory.values.write();
        let mut kept = kept.unwrap_or_else(PoisonError::into_inner);
        kept.extend(values.into_iter().map(|(key, value)| (key, value.to_vec())));
    }

    fn always(&self) -> bool {
        true
    }

    fn if_kept(&self) -> bool {
        self.keeps_group
    }
}

/// Methods that hand on to the memory under a condition. Where it does not hold nothing is
/// written, and nothing found.
macro_rules! methods {
    ($($condition:ident $name:ident<$($T:ident),+>($($arg:ident: $type:ty),+) -> $found:ty;)+) => {$(
        fn $name<$($T: traits::$T<CURRENT_VERSION>),+>(
            &self,
            $($arg: $type),+
        ) -> Result<$found, MemoryStorageError> {
            if self.$condition() {
                self.memory.$name::<$($T),+>($($arg),+)
            } else {
                Ok(Default::default())
            }
        }
    )+};
}

impl StorageProvider<CURRENT_VERSION> for Storage {
    type Error = MemoryStorageError;

    // Private keys, which the library holds nowhere else.
    methods! {
        always write_key_package<HashReference, KeyPackage>(at: &HashReference, it: &KeyPackage) -> ();
        always key_package<HashReference, KeyPackage>(at: &HashReference) -> Option<KeyPackage>;
        always delete_key_package<HashReference>(at: &HashReference) -> ();

        always write_encryption_key_pair<EncryptionKey, HpkeKeyPair>(at: &EncryptionKey, it: &HpkeKeyPair) -> ();
        always encryption_key_pair<HpkeKeyPair, EncryptionKey>(at: &EncryptionKey) -> Option<HpkeKeyPair>;
        always delete_encryption_key_pair<EncryptionKey>(at: &EncryptionKey) -> ();

        always write_encryption_epoch_key_pairs<GroupId, EpochKey, HpkeKeyPair>(group: &GroupId, epoch: &EpochKey, leaf: u32, them: &[HpkeKeyPair]) -> ();
        always encryption_epoch_key_pairs<GroupId, EpochKey, HpkeKeyPair>(group: &GroupId, epoch: &EpochKey, leaf: u32) -> Vec<HpkeKeyPair>;
        always delete_encryption_epoch_key_pairs<GroupId, EpochKey>(group: &GroupId, epoch: &EpochKey, leaf: u32) -> ();

        always write_signature_key_pair<SignaturePublicKey, SignatureKeyPair>(at: &SignaturePublicKey, it: &SignatureKeyPair) -> ();
        always signature_key_pair<SignaturePublicKey, SignatureKeyPair>(at: &SignaturePublicKey) -> Option<SignatureKeyPair>;
        always delete_signature_key_pair<SignaturePublicKey>(at: &SignaturePublicKey) -> ();

        always write_psk<PskId, PskBundle>(at: &PskId, it: &PskBundle) -> ();
        always psk<PskBundle, PskId>(at: &PskId) -> Option<PskBundle>;
        always delete_psk<PskId>(at: &PskId) -> ();
    }

    // Copies of what the group in memory is made of.
    methods! {
        if_kept write_mls_join_config<GroupId, MlsGroupJoinConfig>(of: &GroupId, it: &MlsGroupJoinConfig) -> ();
        if_kept mls_group_join_config<GroupId, MlsGroupJoinConfig>(of: &GroupId) -> Option<MlsGroupJoinConfig>;
        if_kept delete_group_config<GroupId>(of: &GroupId) -> ();

        if_kept append_own_leaf_node<GroupId, LeafNode>(of: &GroupId, it: &LeafNode) -> ();
        if_kept own_leaf_nodes<GroupId, LeafNode>(of: &GroupId) -> Vec<LeafNode>;
        if_kept delete_own_leaf_nodes<GroupId>(of: &GroupId) -> ();

        if_kept queue_proposal<GroupId, ProposalRef, QueuedProposal>(of: &GroupId, at: &ProposalRef, it: &QueuedProposal) -> ();
        if_kept queued_proposal_refs<GroupId, ProposalRef>(of: &GroupId) -> Vec<ProposalRef>;
        if_kept queued_proposals<GroupId, ProposalRef, QueuedProposal>(of: &GroupId) -> Vec<(ProposalRef, QueuedProposal)>;
        if_kept remove_proposal<GroupId, ProposalRef>(of: &GroupId, at: &ProposalRef) -> ();
        if_kept clear_proposal_queue<GroupId, ProposalRef>(of: &GroupId) -> ();

        if_kept write_tree<GroupId, TreeSync>(of: &GroupId, it: &TreeSync) -> ();
        if_kept tree<GroupId, TreeSync>(of: &GroupId) -> Option<TreeSync>;
        if_kept delete_tree<GroupId>(of: &GroupId) -> ();

        if_kept write_interim_transcript_hash<GroupId, InterimTranscriptHash>(of: &GroupId, it: &InterimTranscriptHash) -> ();
        if_kept interim_transcript_hash<GroupId, InterimTranscriptHash>(of: &GroupId) -> Option<InterimTranscriptHash>;
        if_kept delete_interim_transcript_hash<GroupId>(of: &GroupId) -> ();

        if_kept write_context<GroupId, GroupContext>(of: &GroupId, it: &GroupContext) -> ();
        if_kept group_context<GroupId, GroupContext>(of: &GroupId) -> Option<GroupContext>;
        if_kept delete_context<GroupId>(of: &GroupId) -> ();

        if_kept write_confirmation_tag<GroupId, ConfirmationTag>(of: &GroupId, it: &ConfirmationTag) -> ();
        if_kept confirmation_tag<GroupId, ConfirmationTag>(of: &GroupId) -> Option<ConfirmationTag>;
        if_kept delete_confirmation_tag<GroupId>(of: &GroupId) -> ();

        if_kept write_group_state<GroupState, GroupId>(of: &GroupId, it: &GroupState) -> ();
        if_kept group_state<GroupState, GroupId>(of: &GroupId) -> Option<GroupState>;
        if_kept delete_group_state<GroupId>(of: &GroupId) -> ();

        if_kept write_message_secrets<GroupId, MessageSecrets>(of: &GroupId, them: &MessageSecrets) -> ();
        if_kept message_secrets<GroupId, MessageSecrets>(of: &GroupId) -> Option<MessageSecrets>;
        if_kept delete_message_secrets<GroupId>(of: &GroupId) -> ();

        if_kept write_resumption_psk_store<GroupId, ResumptionPskStore>(of: &GroupId, it: &ResumptionPskStore) -> ();
        if_kept resumption_psk_store<GroupId, ResumptionPskStore>(of: &GroupId) -> Option<ResumptionPskStore>;
        if_kept delete_all_resumption_psk_secrets<GroupId>(of: &GroupId) -> ();

        if_kept write_own_leaf_index<GroupId, LeafNodeIndex>(of: &GroupId, it: &LeafNodeIndex) -> ();
        if_kept own_leaf_index<GroupId, LeafNodeIndex>(of: &GroupId) -> Option<LeafNodeIndex>;
        if_kept delete_own_leaf_index<GroupId>(of: &GroupId) -> ();

        if_kept write_group_epoch_secrets<GroupId, GroupEpochSecrets>(of: &GroupId, them: &GroupEpochSecrets) -> ();
        if_kept group_epoch_secrets<GroupId, GroupEpochSecrets>(of: &GroupId) -> Option<GroupEpochSecrets>;
        if_kept delete_group_epoch_secrets<GroupId>(of: &GroupId) -> ();
    }
}
