//! Fields at random, all equally likely, without a walk through a large hash.

use std::collections::HashSet;

use crate::error::Result;
use crate::members::Drawing;
use crate::view::View;

use super::layout::{self, Entry};
use super::{Hash, Place, has_expired};

/// Draws that may meet expired fields before all fields are walked through instead. The expirer is about to remove
/// them.
const DRAWS_MAX: usize = 64;
/// Different fields are drawn one by one if they are at most this part of all; otherwise all fields are walked through.
const DRAWN_PART: u64 = 3;

/// A field and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

impl Hash<'_> {
    /// A field at random; None if all have expired.
    pub fn random(&self, view: &View<'_>) -> Result<Option<Pair>> {
        let mut drawn = None;
        self.random_many(view, 1, |field, value| {
            drawn = Some((field.to_vec(), value.to_vec()));
            Ok(())
        })?;
        Ok(drawn)
    }

    /// So many fields at random, each drawn from all of them; nothing if all have expired.
    pub fn random_many(
        &self,
        view: &View<'_>,
        count: u64,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        view.admit_keys(usize::try_from(count).unwrap_or(usize::MAX))?;
        if let Place::Inline = self.place {
            let entries: Vec<Entry<'_>> = self.inline_entries(view).collect::<Result<_>>()?;
            for _ in 0..count {
                let Some(entry) = entries.get(view.turn().random_below(entries.len() as u64) as usize) else { break };
                visit(entry.field, entry.value)?;
            }
            return Ok(());
        }
        let Some(mut drawing) = self.drawing(view)? else { return Ok(()) };
        for _ in 0..count {
            view.go_on()?;
            let Some((field, value)) = self.draw(view, &mut drawing)? else { break };
            visit(&field, &value)?;
        }
        Ok(())
    }

    /// So many different fields at random, or all of them if they are not more.
    pub fn random_distinct(
        &self,
        view: &View<'_>,
        count: u64,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let total = self.len(view)?;
        if count <= total / DRAWN_PART
            && let Some(mut drawing) = self.drawing(view)?
        {
            view.admit_keys(usize::try_from(count).unwrap_or(usize::MAX))?;
            let mut drawn = HashSet::new();
            while (drawn.len() as u64) < count {
                view.go_on()?;
                let Some((field, value)) = self.draw(view, &mut drawing)? else { break };
                if !drawn.contains(&field) {
                    visit(&field, &value)?;
                    drawn.insert(field);
                }
            }
            return Ok(());
        }
        // Of those that are left, each is as likely to be among the wanted ones.
        let (mut left, mut wanted) = (total, count.min(total));
        self.walk(view, |field, value| {
            if view.turn().random_below(left) < wanted {
                visit(field, value)?;
                wanted -= 1;
            }
            left = left.saturating_sub(1);
            Ok(())
        })
    }

    /// Draws one field after the other of a hash in parts; None if it is inline.
    fn drawing<'d, 'v>(&self, view: &'d View<'v>) -> Result<Option<Drawing<'d, 'v>>> {
        let Place::Parts(parts, count) = self.place else { return Ok(None) };
        view.admit_parts()?;
        Ok(Some(Drawing::of(view, parts, count)))
    }

    /// A field at random that has not expired.
    fn draw(&self, view: &View<'_>, drawing: &mut Drawing<'_, '_>) -> Result<Option<Pair>> {
        let Place::Parts(parts, _) = self.place else { return Ok(None) };
        for _ in 0..DRAWS_MAX {
            let Some((field, record)) = drawing.draw()? else { break };
            let (expire_at_ms, value) = layout::decode_value(&record).ok_or_else(|| parts.unreadable())?;
            if !has_expired(expire_at_ms, view.turn()) {
                return Ok(Some((field, value.to_vec())));
            }
        }
        self.draw_from_all(view)
    }

    /// The same by a walk, for a hash most of whose fields have just expired.
    fn draw_from_all(&self, view: &View<'_>) -> Result<Option<Pair>> {
        let (mut drawn, mut seen) = (None, 0);
        self.walk(view, |field, value| {
            seen += 1;
            if view.turn().random_below(seen) == 0 {
                drawn = Some((field.to_vec(), value.to_vec()));
            }
            Ok(())
        })?;
        Ok(drawn)
    }
}
