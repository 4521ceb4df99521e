//! Copies of whole values, of whatever kind: what `COPY` and `MOVE` need.
//!
//! A value's parts lie under its own version and in its database's space, so a copy needs all of them anew. The parts are
//! copied as bytes: no kind puts its version or its key's name into them.

use engine::{Direction, Family};

use crate::error::Result;
use crate::header::Meta;
use crate::key::{self, Parts, SpaceId};
use crate::tx::Tx;

/// Bytes of records that are read before they are written, as one cannot write to a batch that one iterates over.
const ROUND_BYTES_MAX: usize = 1 << 20;

/// A value's header and body, taken out of where it lies.
#[derive(Debug)]
pub struct Value {
    /// The header.
    pub meta: Meta,
    /// The rest of the record.
    pub body: Vec<u8>,
}

impl Tx<'_> {
    /// Writes a copy of a value of this database to a key of another or of the same, its expiry included. `old` is
    /// what [`Tx::find`] returned for that key, there. Costs what the value's size is, in one batch.
    pub fn copy(&mut self, value: &Value, db: u16, user_key: &[u8], old: Option<Meta>) -> Result<()> {
        let mut meta = value.meta;
        if let Some(parts) = meta.parts {
            let mut target = self.in_db(db);
            let (to_space, to_parts) = (target.view().space(), target.new_parts(user_key));
            let from = (self.view().space(), parts);
            self.copy_parts(Family::Elements, from, (to_space, to_parts))?;
            self.copy_parts(Family::Scores, from, (to_space, to_parts))?;
            meta.parts = Some(to_parts);
        }
        self.in_db(db).put(user_key, old, meta, &value.body);
        Ok(())
    }

    fn copy_parts(&mut self, family: Family, from: (SpaceId, Parts), to: (SpaceId, Parts)) -> Result<()> {
        let prefix_len = key::element(from.0, from.1, &[]).len();
        let (mut start, end) = (key::element(from.0, from.1, &[]), key::element_end(from.0, from.1));
        loop {
            let mut round = Vec::new();
            let mut bytes = 0;
            {
                let view = self.view();
                let mut cursor = view.engine().scan(family, &start, &end, Direction::Forward);
                while bytes < ROUND_BYTES_MAX {
                    let Some((element, value)) = cursor.next()? else { break };
                    bytes += element.len() + value.len();
                    round.push((element.to_vec(), value.to_vec()));
                }
            }
            let Some((last, _)) = round.last() else { return Ok(()) };
            // The least key after the last one of this round.
            start = [last, &[0][..]].concat();
            for (element, value) in round {
                let copy = key::element(to.0, to.1, &element[prefix_len..]);
                self.pending_mut().put(family, copy, value);
            }
        }
    }
}
