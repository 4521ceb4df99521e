//! Lists as payloads.

use engine::Direction;

use crate::error::Result;
use crate::list::{self, End, List};
use crate::tx::Tx;
use crate::view::{Found, View};

/// Elements that are pushed at once.
const ROUND_ELEMENTS_MAX: usize = 4096;

pub(super) fn elements(view: &View<'_>, found: Found<'_>) -> Result<Vec<Vec<u8>>> {
    let list = List::new(found)?;
    let mut elements = Vec::with_capacity(usize::try_from(list.len()).unwrap_or(0));
    list.walk(view, 0..list.len(), Direction::Forward, |element| {
        elements.push(element.to_vec());
        true
    })?;
    Ok(elements)
}

pub(super) fn build(tx: &mut Tx<'_>, key: &[u8], elements: &[Vec<u8>]) -> Result<()> {
    for round in elements.chunks(ROUND_ELEMENTS_MAX) {
        let old = tx.find(key)?;
        let round: Vec<&[u8]> = round.iter().map(Vec::as_slice).collect();
        list::push(tx, key, old, End::Right, &round)?;
    }
    Ok(())
}
