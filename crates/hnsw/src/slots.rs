//! A set of slots: one bit each.

use crate::record::NodeId;

/// The set.
#[derive(Default)]
pub struct Slots(Vec<u64>);

impl Slots {
    /// Adds a slot; whether it is new.
    pub fn add(&mut self, id: NodeId) -> bool {
        let (word, bit) = (id as usize / 64, 1 << (id % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }

    /// Whether a slot is in it.
    pub fn contains(&self, id: NodeId) -> bool {
        let word = self.0.get(id as usize / 64);
        word.is_some_and(|word| word >> (id % 64) & 1 == 1)
    }

    /// The first slot from `from` on that is in this set and not in another.
    pub fn next_not_in(&self, other: &Slots, from: NodeId) -> Option<NodeId> {
        let start = from as usize / 64;
        for (word, bits) in self.0.iter().enumerate().skip(start) {
            let mut left = bits & !other.0.get(word).copied().unwrap_or(0);
            if word == start {
                left &= u64::MAX << (from % 64);
            }
            if left != 0 {
                return Some((word * 64) as NodeId + left.trailing_zeros());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;

    #[test]
    fn finds_what_the_other_lacks() {
        let (mut all, mut some) = (Slots::default(), Slots::default());
        for id in [0, 63, 64, 200, 1000] {
            assert!(!all.contains(id) && all.add(id) && !all.add(id) && all.contains(id));
        }
        some.add(0);
        some.add(200);
        let mut found = Vec::new();
        let mut next = 0;
        while let Some(id) = all.next_not_in(&some, next) {
            found.push(id);
            next = id + 1;
        }
        assert_eq!(found, [63, 64, 1000]);
    }
}
