//! Sorted sets as payloads.

use crate::error::Result;
use crate::tx::Tx;
use crate::view::{Found, View};
use crate::zset::{self, Scored, Zset};

pub(super) fn scored(view: &View<'_>, found: Found<'_>) -> Result<Vec<(Vec<u8>, f64)>> {
    let mut scored = Vec::new();
    Zset::new(found)?.each(view, &mut |member, score| {
        scored.push((member.to_vec(), score));
        Ok(true)
    })?;
    Ok(scored)
}

pub(super) fn build(tx: &mut Tx<'_>, key: &[u8], scored: Vec<(Vec<u8>, f64)>) {
    let members = scored.into_iter().map(|(member, score)| Scored { member, score }).collect();
    zset::store(tx, key, None, &zset::combine::in_order(members));
}
