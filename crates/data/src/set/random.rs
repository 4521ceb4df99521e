//! Members at random, all equally likely. What is asked for decides between drawing them one by one, which costs the same
//! whatever the size of the set, and one walk through all of them.

use hashbrown::HashSet;

use crate::error::Result;
use crate::members::{self, Drawing};
use crate::view::View;

use super::layout::Body;
use super::{Set, unreadable};

/// What drawing one member costs, in members of a walk.
const DRAW_COST: u64 = 64;

impl Set<'_> {
    /// One member. `view` is where the set was found.
    pub fn draw(&self, view: &View<'_>) -> Result<Vec<u8>> {
        let drawn = match self.body()? {
            Body::Integers(integers) => {
                let index = view.turn().random_below(integers.len() as u64);
                integers.get(usize::try_from(index).unwrap_or(0)).map(|number| number.to_string().into_bytes())
            }
            Body::Strings { packed, .. } => {
                let index = view.turn().random_below(self.len());
                let mut strings = crate::packed::strings(packed);
                strings.nth(usize::try_from(index).unwrap_or(0)).map(<[u8]>::to_vec)
            }
            Body::Parts { .. } => {
                view.admit_parts()?;
                members::draw(view, self.parts()?, self.len())?.map(|(member, _)| member)
            }
        };
        drawn.ok_or_else(|| unreadable(self.meta()))
    }

    /// Draws one member after the other of a set in parts.
    fn drawing<'d, 'v>(&self, view: &'d View<'v>) -> Result<Drawing<'d, 'v>> {
        view.admit_parts()?;
        Ok(Drawing::of(view, self.parts()?, self.len()))
    }

    /// Visits `count` members, each drawn from all of them whatever was drawn before.
    pub fn draw_each(&self, view: &View<'_>, count: u64, mut visit: impl FnMut(&[u8])) -> Result<()> {
        if !self.is_walk_cheaper(count) {
            view.admit_keys(usize::try_from(count.saturating_mul(DRAW_COST)).unwrap_or(usize::MAX))?;
            let mut drawing = self.drawing(view)?;
            for _ in 0..count {
                view.go_on()?;
                let (member, _) = drawing.draw()?.ok_or_else(|| unreadable(self.meta()))?;
                visit(&member);
            }
            return Ok(());
        }
        view.admit_keys(usize::try_from(count.max(self.len())).unwrap_or(usize::MAX))?;
        let mut all: Vec<Box<[u8]>> = Vec::with_capacity(usize::try_from(self.len()).unwrap_or(0));
        self.visit(view, |member| {
            all.push(member.into());
            Ok(true)
        })?;
        for drawn in 0..count {
            if drawn % 1024 == 0 {
                view.go_on()?;
            }
            let index = view.turn().random_below(all.len() as u64);
            let member = all.get(usize::try_from(index).unwrap_or(0)).ok_or_else(|| unreadable(self.meta()))?;
            visit(member);
        }
        Ok(())
    }

    /// Visits `count` different members, or all if there are no more, every choice equally likely.
    pub fn sample(&self, view: &View<'_>, count: u64, mut visit: impl FnMut(&[u8])) -> Result<()> {
        if self.is_walk_cheaper(count) {
            return self.split(view, count, |member, is_chosen| {
                if is_chosen {
                    visit(member);
                }
                Ok(())
            });
        }
        view.admit_keys(usize::try_from(count.saturating_mul(DRAW_COST)).unwrap_or(usize::MAX))?;
        let mut drawn: HashSet<Vec<u8>, foldhash::fast::RandomState> = HashSet::default();
        let mut drawing = self.drawing(view)?;
        while (drawn.len() as u64) < count {
            view.go_on()?;
            let (member, _) = drawing.draw()?.ok_or_else(|| unreadable(self.meta()))?;
            if !drawn.contains(&member) {
                visit(&member);
                drawn.insert(member);
            }
        }
        Ok(())
    }

    /// Visits all members in one walk, `count` of them as chosen, every choice equally likely.
    pub(super) fn split(
        &self,
        view: &View<'_>,
        count: u64,
        mut visit: impl FnMut(&[u8], bool) -> Result<()>,
    ) -> Result<()> {
        let (mut wanted, mut left) = (count, self.len());
        self.visit(view, |member| {
            // Of so many that are left so many are wanted: that is this one's chance.
            let is_chosen = view.turn().random_below(left) < wanted;
            wanted -= u64::from(is_chosen);
            left = left.saturating_sub(1);
            visit(member, is_chosen)?;
            Ok(true)
        })
    }

    /// True if one walk through the set costs less than to draw so many members.
    pub(super) fn is_walk_cheaper(&self, count: u64) -> bool {
        self.meta().parts.is_none() || count.saturating_mul(DRAW_COST) >= self.len()
    }
}
