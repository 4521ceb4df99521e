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
    drawn: Drawn,
}

/// Members to be popped, the last one first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Drawn {
    pub(super) members: Vec<Vec<u8>>,
    /// Once they are used up, it pays to draw more at once: nobody else has changed the set, and all of them were kept.
    pub(super) may_be_more: bool,
}

impl Pools {
    /// The members that were drawn for a set which has `count` members now and that are left; none if it was changed since.
    pub(super) fn take(&self, version: u64, count: u64) -> Drawn {
        let pool = self.0.lock().remove(&version);
        pool.filter(|pool| pool.count == count).map_or_else(Drawn::default, |pool| pool.drawn)
    }

    /// Keeps what is left of them, for a set which will have `count` members.
    pub(super) fn keep(&self, version: u64, count: u64, mut drawn: Drawn) {
        let mut bytes = 0;
        let fitting = drawn.members.iter().take_while(|member| {
            bytes += member.len();
            bytes <= POOL_BYTES_MAX
        });
        let fitting = fitting.count();
        drawn.may_be_more &= fitting == drawn.members.len();
        drawn.members.truncate(fitting);
        let mut pools = self.0.lock();
        if pools.len() >= POOLS_MAX {
            pools.clear();
        }
        pools.insert(version, Pool { count, drawn });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_drawn_is_forgotten_once_the_set_is_changed() {
        let pools = Pools::default();
        let drawn = Drawn { members: vec![b"a".to_vec(), b"b".to_vec()], may_be_more: true };
        pools.keep(7, 10, drawn.clone());
        assert_eq!(pools.take(7, 10), drawn);
        assert_eq!(pools.take(7, 10), Drawn::default(), "taken is taken");
        pools.keep(7, 10, drawn);
        assert_eq!(pools.take(7, 11), Drawn::default());
        assert_eq!(pools.take(8, 10), Drawn::default());
        pools.keep(7, 9, Drawn { members: Vec::new(), may_be_more: true });
        assert!(pools.take(7, 9).may_be_more, "used up, but not changed");
    }

    #[test]
    fn there_are_only_so_many_and_so_large() {
        let pools = Pools::default();
        for version in 0..200 {
            pools.keep(version, 1, Drawn { members: vec![b"a".to_vec()], may_be_more: true });
        }
        assert!(pools.0.lock().len() <= POOLS_MAX);
        pools.keep(1, 1, Drawn { members: vec![vec![0; POOL_BYTES_MAX / 2]; 5], may_be_more: true });
        let kept = pools.take(1, 1);
        assert_eq!((kept.members.len(), kept.may_be_more), (2, false));
    }
}
