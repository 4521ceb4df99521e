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
                let mut cursor = view.engine()?.scan(family, &start, &end, Direction::Forward);
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

#[cfg(test)]
mod tests {
    use engine::{Durability, Engine, EngineOptions};

    use super::*;
    use crate::{Batch, Keyspace, Kind, Turn};

    /// The parts of a value, of both families.
    fn parts(tx: &Tx<'_>, user_key: &[u8]) -> Vec<(Family, Vec<u8>, Vec<u8>)> {
        let view = tx.view();
        let parts = view.find(user_key).expect("find").expect("a key").meta.parts.expect("parts");
        let (from, to) = (key::element(view.space(), parts, &[]), key::element_end(view.space(), parts));
        let mut found = Vec::new();
        for family in [Family::Elements, Family::Scores] {
            let mut cursor = view.engine().expect("an engine").scan(family, &from, &to, Direction::Forward);
            while let Some((element, value)) = cursor.next().expect("a scan") {
                found.push((family, element[from.len()..].to_vec(), value.to_vec()));
            }
        }
        found
    }

    #[test]
    fn a_copy_has_every_part_of_both_families_and_outlives_its_source() {
        let dir = tempfile::tempdir().expect("a directory");
        let options = EngineOptions {
            block_cache_bytes: 1 << 20,
            write_buffer_bytes: 8 << 20,
            background_jobs: 1,
            ..EngineOptions::default()
        };
        let engine = Engine::open(dir.path(), &options).expect("an engine");
        let keyspace = Keyspace::open(&engine, 2).expect("a keyspace");
        let (turn, mut batch) = (Turn::new(1000, 1), Batch::new());

        let mut tx = Tx::new(&engine, &keyspace, &mut batch, &turn, 0);
        let source = tx.new_parts(b"source");
        for n in 0..40u8 {
            // More than one round of each family.
            tx.put_part(source, &[n], vec![n; 50_000]);
            let score = key::element(tx.view().space(), source, &[0, n]);
            tx.pending_mut().put(Family::Scores, score, vec![n; 50_000]);
        }
        let meta = Meta { parts: Some(source), expire_at_ms: Some(5000), ..Meta::new(Kind::Zset) };
        tx.put(b"source", None, meta, b"body");
        let expected = parts(&tx, b"source");
        assert_eq!(expected.len(), 80);

        let value = Value { meta, body: b"body".to_vec() };
        tx.copy(&value, 1, b"copy", None).expect("a copy");
        tx.remove(b"source", meta);
        batch.commit(&engine, &keyspace, Durability::Process).expect("a commit");
        crate::garbage::collect(&engine, usize::MAX).expect("a collection");

        let tx = Tx::new(&engine, &keyspace, &mut batch, &turn, 1);
        assert_eq!(parts(&tx, b"copy"), expected);
        let view = tx.view();
        let copy = view.find(b"copy").expect("find").expect("a copy");
        assert_eq!((copy.body(), copy.meta.expire_at_ms), (&b"body"[..], Some(5000)));
        assert_eq!((keyspace.count(0).keys, keyspace.count(1).keys, keyspace.count(1).volatile), (0, 1, 1));
    }
}
