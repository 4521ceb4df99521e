//! The order in which waiting requests are taken: short ones do not wait behind long ones.
//!
//! A connection has one request on its way at most, so requests may overtake each other. Pipelines of many commands wait in a lane of
//! their own, and where both lanes hold something, takers serve them in turns. So one command of one client waits for
//! one turn of long requests, and not for all that was sent before it; and no lane waits for ever.

use std::collections::VecDeque;

use crate::request::StorageRequest;

/// Commands of a request that still counts as short.
const SHORT_COMMANDS_MAX: usize = 8;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Lanes<Q, R> {
    short: VecDeque<StorageRequest<Q, R>>,
    long: VecDeque<StorageRequest<Q, R>>,
    /// Whose turn it is, if both hold something.
    next_is_long: bool,
}

impl<Q, R> Default for Lanes<Q, R> {
    fn default() -> Self {
        Lanes { short: VecDeque::new(), long: VecDeque::new(), next_is_long: false }
    }
}

impl<Q, R> Lanes<Q, R> {
    pub(crate) fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn push_back(&mut self, request: StorageRequest<Q, R>) {
        self.lane_of(&request).push_back(request);
    }

    pub(crate) fn push_front(&mut self, request: StorageRequest<Q, R>) {
        self.lane_of(&request).push_front(request);
    }

    /// The lane whose turn it is, and whether that is the long requests'; the next time it is the other's, if that holds something then.
    pub(crate) fn next_lane(&mut self) -> (&mut VecDeque<StorageRequest<Q, R>>, bool) {
        let is_long = self.short.is_empty() || self.next_is_long && !self.long.is_empty();
        self.next_is_long = !is_long;
        (if is_long { &mut self.long } else { &mut self.short }, is_long)
    }

    /// The first of each lane: what has waited longest is among them.
    pub(crate) fn fronts(&self) -> impl Iterator<Item = &StorageRequest<Q, R>> {
        [self.short.front(), self.long.front()].into_iter().flatten()
    }

    /// Takes out what is `meant`.
    pub(crate) fn extract(&mut self, meant: impl Fn(&StorageRequest<Q, R>) -> bool) -> Vec<StorageRequest<Q, R>> {
        let mut found = Vec::new();
        for lane in [&mut self.short, &mut self.long] {
            if lane.iter().any(&meant) {
                let (taken, kept): (VecDeque<_>, _) = std::mem::take(lane).into_iter().partition(&meant);
                found.extend(taken);
                *lane = kept;
            }
        }
        found
    }

    fn lane_of(&mut self, request: &StorageRequest<Q, R>) -> &mut VecDeque<StorageRequest<Q, R>> {
        if request.commands > SHORT_COMMANDS_MAX { &mut self.long } else { &mut self.short }
    }
}
