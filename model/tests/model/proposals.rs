//! Leaves and proposals, as small sets.

use std::fmt;

/// One of the participants' devices.
pub type Device = usize;

/// How many devices there are.
pub const DEVICES: usize = 3;

/// How many key packages a device has.
const KEY_PACKAGES: u8 = 5;

/// A device with the key package by which it is, or asks to be, in the group.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Leaf(u8);

impl Leaf {
    pub fn first(device: Device) -> Self {
        Self(u8::try_from(device).expect("few devices") * KEY_PACKAGES)
    }

    pub fn device(self) -> Device {
        (self.0 / KEY_PACKAGES).into()
    }

    /// The same device with its next key package.
    pub fn renewed(self) -> Self {
        assert!(
            self.0 % KEY_PACKAGES + 1 < KEY_PACKAGES,
            "the budget admits more key packages than a device has"
        );
        Self(self.0 + 1)
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.device(), self.0 % KEY_PACKAGES)
    }
}

/// A set of leaves: a roster, or whom proposals are about.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Leaves(u16);

impl Leaves {
    pub fn of(leaves: impl IntoIterator<Item = Leaf>) -> Self {
        leaves
            .into_iter()
            .fold(Self::default(), |set, leaf| set.with(leaf))
    }

    pub fn with(self, leaf: Leaf) -> Self {
        Self(self.0 | 1 << leaf.0)
    }

    pub fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub fn common(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    pub fn has(self, leaf: Leaf) -> bool {
        self.0 & 1 << leaf.0 != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Leaf> {
        (0..16).map(Leaf).filter(move |leaf| self.has(*leaf))
    }

    /// The leaf of a device, if it has one here.
    pub fn of_device(self, device: Device) -> Option<Leaf> {
        let first = Leaf::first(device).0;
        let own = self.0 & ((1 << KEY_PACKAGES) - 1) << first;
        u8::try_from(own.trailing_zeros())
            .ok()
            .filter(|_| own != 0)
            .map(Leaf)
    }
}

impl fmt::Debug for Leaves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A proposal. Equal ones of one epoch have one reference.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Proposal {
    Add(Leaf),
    Remove(Leaf),
}

/// A set of proposals of one epoch.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Proposals {
    pub adds: Leaves,
    pub removes: Leaves,
}

impl Proposals {
    pub fn of(proposal: Proposal) -> Self {
        let (mut adds, mut removes) = (Leaves::default(), Leaves::default());
        match proposal {
            Proposal::Add(leaf) => adds = adds.with(leaf),
            Proposal::Remove(leaf) => removes = removes.with(leaf),
        }
        Self { adds, removes }
    }

    pub fn insert(&mut self, proposal: Proposal) {
        let one = Self::of(proposal);
        self.adds = self.adds.and(one.adds);
        self.removes = self.removes.and(one.removes);
    }

    pub fn remove(&mut self, proposal: Proposal) {
        *self = self.without(Self::of(proposal));
    }

    pub fn without(self, others: Self) -> Self {
        Self {
            adds: self.adds.without(others.adds),
            removes: self.removes.without(others.removes),
        }
    }

    pub fn common(self, others: Self) -> Self {
        Self {
            adds: self.adds.common(others.adds),
            removes: self.removes.common(others.removes),
        }
    }

    pub fn has(self, proposal: Proposal) -> bool {
        !self.common(Self::of(proposal)).is_empty()
    }

    pub fn is_empty(self) -> bool {
        self.adds.is_empty() && self.removes.is_empty()
    }

    pub fn iter(self) -> impl Iterator<Item = Proposal> {
        let adds = self.adds.iter().map(Proposal::Add);
        adds.chain(self.removes.iter().map(Proposal::Remove))
    }

    /// The roster that a commit of these makes of `members`.
    pub fn applied_to(self, members: Leaves) -> Leaves {
        members.without(self.removes).and(self.adds)
    }
}
