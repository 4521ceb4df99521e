//! Hashes as payloads.

use crate::error::Result;
use crate::hash::{Edit, Hash, Lifetime};
use crate::rdb::Field;
use crate::tx::Tx;
use crate::view::{Found, View};

pub(super) fn fields(view: &View<'_>, found: Found<'_>) -> Result<Vec<Field>> {
    let mut fields = Vec::new();
    Hash::new(found)?.walk_entries(view, |entry| {
        let (name, value) = (entry.field.to_vec(), entry.value.to_vec());
        fields.push(Field { name, value, expire_at_ms: entry.expire_at_ms });
        Ok(())
    })?;
    Ok(fields)
}

/// Fields that have expired since they were dumped are left out: a hash of nothing else is not made.
pub(super) fn build(tx: &mut Tx<'_>, key: &[u8], fields: &[Field]) -> Result<()> {
    let now_ms = tx.now_ms();
    let mut edit = Edit::begin(tx, key)?;
    for Field { name, value, expire_at_ms } in fields {
        let lifetime = match *expire_at_ms {
            Some(at) if at <= now_ms => continue,
            Some(at) => Lifetime::Until(at),
            None => Lifetime::Endless,
        };
        edit.set(name, value, lifetime)?;
    }
    edit.finish()
}
