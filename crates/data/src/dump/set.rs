//! Sets as payloads.

use crate::error::Result;
use crate::set::{self, Set};
use crate::tx::Tx;
use crate::view::{Found, View};

pub(super) fn members(view: &View<'_>, found: Found<'_>) -> Result<Vec<Vec<u8>>> {
    let set = Set::new(found)?;
    let mut members = Vec::new();
    set.visit(view, |member| {
        members.push(member.to_vec());
        Ok(true)
    })?;
    Ok(members)
}

pub(super) fn build(tx: &mut Tx<'_>, key: &[u8], members: &[Vec<u8>]) -> Result<()> {
    set::add(tx, key, members.iter().map(Vec::as_slice)).map(drop)
}
