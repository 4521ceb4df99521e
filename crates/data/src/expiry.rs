//! Active expiry: what is due is read from the expiry index, so it costs what expires.
//!
//! A key has an entry at its own time, and one at the time of the first of its elements that expire. Where the two are
//! the same, the key's own is all there is: with it the elements go too.
//!
//! | value | what is due then            |
//! |-------|-----------------------------|
//! | empty | the key                     |
//! | 1 (1) | some of the key's elements  |
//!
//! On disk: changing it needs a new format version.

use engine::{Direction, Engine, Family};

use crate::error::Result;
use crate::hash;
use crate::header::{Kind, Meta};
use crate::key;
use crate::keyspace::Keyspace;
use crate::tx::Tx;

/// What an entry of the index says is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Key,
    Elements,
}

impl What {
    /// The value of its entry.
    pub(crate) const fn encode(self) -> &'static [u8] {
        match self {
            What::Key => &[],
            What::Elements => &[1],
        }
    }
}

/// The entries that the index has of a key with this header: the time of each, and what is due then.
pub(crate) fn entries(meta: &Meta) -> [Option<(u64, What)>; 2] {
    let elements = meta.element_expire_at_ms.filter(|_| meta.element_expire_at_ms != meta.expire_at_ms);
    [meta.expire_at_ms.map(|at| (at, What::Key)), elements.map(|at| (at, What::Elements))]
}

/// Up to `limit` keys of a database of which something is due, as user keys, oldest first. They may have changed
/// since: [`settle`] under the key's latch has the last word.
pub fn due(engine: &Engine, keyspace: &Keyspace, db: u16, now_ms: u64, limit: usize) -> Result<Vec<Vec<u8>>> {
    let space = keyspace.space(db);
    // A key is alive through the millisecond that it names.
    let (from, to) = (key::space_start(space), key::expiry_bound(space, now_ms.saturating_sub(1)));
    let view = engine.view();
    let mut cursor = view.scan(Family::Expires, &from, &to, Direction::Forward);
    let mut keys = Vec::new();
    while keys.len() < limit {
        let Some((entry, _)) = cursor.next()? else { break };
        if let Some((_, record)) = key::parse_expiry(entry)
            && let Some((_, _, user_key)) = key::parse_record(&record)
        {
            keys.push(user_key.to_vec());
        }
    }
    Ok(keys)
}

/// Removes a key whose time has come, or else those of its elements whose time has come, up to `limit` of them. Returns
/// how many elements it removed. The caller holds the key's latch.
pub fn settle(tx: &mut Tx<'_>, user_key: &[u8], limit: usize) -> Result<usize> {
    match tx.find(user_key)? {
        Some(meta) if meta.kind == Kind::Hash && meta.element_expire_at_ms.is_some_and(|at| tx.now_ms() > at) => {
            hash::expire_fields(tx, user_key, meta, limit)
        }
        _ => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_entries() {
        let meta = Meta { expire_at_ms: Some(5), element_expire_at_ms: Some(3), ..Meta::new(Kind::Hash) };
        assert_eq!(entries(&meta), [Some((5, What::Key)), Some((3, What::Elements))]);
        assert_eq!((What::Key.encode(), What::Elements.encode()), (&b""[..], &b"\x01"[..]));
    }

    #[test]
    fn where_key_and_elements_go_together_the_key_goes() {
        let meta = Meta { expire_at_ms: Some(5), element_expire_at_ms: Some(5), ..Meta::new(Kind::Hash) };
        assert_eq!(entries(&meta), [Some((5, What::Key)), None]);
        let meta = Meta { expire_at_ms: None, ..meta };
        assert_eq!(entries(&meta), [None, Some((5, What::Elements))]);
        assert_eq!(entries(&Meta::new(Kind::Hash)), [None; 2]);
    }
}
