//! Who sits at which leaf in one epoch.

use std::sync::Arc;

use crate::id::{LeafIndex, ParticipantId};

/// The members of a group in one epoch, by leaf.
///
/// Cheap to clone: pipeline and events hold the roster of every live epoch, because the name of a
/// packet's sender is the occupant of its leaf in the packet's own epoch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roster(Arc<[Member]>);

/// One leaf and who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The leaf.
    pub leaf: LeafIndex,
    /// Whose it is, according to the credential in the leaf.
    pub participant: Arc<ParticipantId>,
}

impl Roster {
    /// Sorts the members by leaf.
    pub fn new(members: impl IntoIterator<Item = (LeafIndex, ParticipantId)>) -> Self {
        let mut members: Vec<Member> = members
            .into_iter()
            .map(|(leaf, participant)| Member {
                leaf,
                participant: Arc::new(participant),
            })
            .collect();
        members.sort_by_key(|member| member.leaf);
        Self(members.into())
    }

    /// Who holds a leaf, if it is occupied.
    pub fn occupant(&self, leaf: LeafIndex) -> Option<&Arc<ParticipantId>> {
        let at = self
            .0
            .binary_search_by_key(&leaf, |member| member.leaf)
            .ok()?;
        self.0.get(at).map(|member| &member.participant)
    }

    /// The leaf of a participant.
    pub fn leaf_of(&self, participant: &ParticipantId) -> Option<LeafIndex> {
        self.iter()
            .find(|member| *member.participant == *participant)
            .map(|member| member.leaf)
    }

    /// The members in the order of their leaves.
    pub fn iter(&self) -> std::slice::Iter<'_, Member> {
        self.0.iter()
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Roster {
    type Item = &'a Member;
    type IntoIter = std::slice::Iter<'a, Member>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
