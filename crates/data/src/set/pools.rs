//! Members that are popped next, for sets in parts. In memory only.
//!
//! What was popped leaves a trace on disk for a while, which every walk has to pass. So one walk draws several members, and
//! they are popped one after the other; each is looked up before, as others may have removed it. What is drawn is forgotten once
//! the set has more or fewer members than it would have had: new members are to have their chance.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Sets that members are drawn for; beyond it all are forgotten, and drawn anew where they are wanted.
const POOLS_MAX: usize = 64;
/// Bytes of members that are kept for one set.
const POOL_BYTES_MAX: usize = 64 << 10;

/// See the module's text. Shared by all workers; a set's pool is used under the latch of its key.
#[derive(Debug, Default)]
pub(crate) struct Pools(Mutex<HashMap<u64, Pool, foldhash::fast::RandomState>>);

/// The members drawn for one set, by the version of its parts.
#[derive(Debug)]
struct Pool {
    /// How many members the set has if nobody has changed it.
    count: u64,
    members: Vec<Vec<u8>>,
}

impl Pools {
    /// The members that were drawn for a set which has `count` members now; none if it was changed since.
    pub(super) fn take(&self, version: u64, count: u64) -> Vec<Vec<u8>> {
        let pool = self.0.lock().remove(&version);
        pool.filter(|pool| pool.count == count).map_or_else(Vec::new, |pool| pool.members)
    }

    /// Keeps what is left of them, for a set which will have `count` members.
    pub(super) fn keep(&self, version: u64, count: u64, mut members: Vec<Vec<u8>>) {
        let mut bytes = 0;
        let fitting = members.iter().take_while(|member| {
            bytes += member.len();
            bytes <= POOL_BYTES_MAX
        });
        members.truncate(fitting.count());
        if members.is_empty() {
            return;
        }
        let mut pools = self.0.lock();
        if pools.len() >= POOLS_MAX {
            pools.clear();
        }
        pools.insert(version, Pool { count, members });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_drawn_is_forgotten_once_the_set_is_changed() {
        let pools = Pools::default();
        let members = vec![b"a".to_vec(), b"b".to_vec()];
        pools.keep(7, 10, members.clone());
        assert_eq!(pools.take(7, 10), members);
        assert!(pools.take(7, 10).is_empty(), "taken is taken");
        pools.keep(7, 10, members.clone());
        assert!(pools.take(7, 11).is_empty());
        assert!(pools.take(8, 10).is_empty());
    }

    #[test]
    fn there_are_only_so_many_and_so_large() {
        let pools = Pools::default();
        for version in 0..200 {
            pools.keep(version, 1, vec![b"a".to_vec()]);
        }
        assert!(pools.0.lock().len() <= POOLS_MAX);
        pools.keep(1, 1, vec![vec![0; POOL_BYTES_MAX / 2]; 5]);
        assert_eq!(pools.take(1, 1).len(), 2);
    }
}
