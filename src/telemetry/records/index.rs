//! Where each record is: the runs of records from the oldest to the newest, and what is remembered of each.

use std::collections::VecDeque;
use std::hash::RandomState;

use super::buckets::Buckets;
use super::filter::Filter;
use super::groups::Groups;
use super::line::Line;
use super::names::Names;
use super::segment::{Body, Found, Segment};

/// All that is kept.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub segments: VecDeque<Segment>,
    pub names: Names,
    pub hasher: RandomState,
    /// The number that the next record gets.
    pub next: u64,
}

impl Index {
    pub fn kept(&self) -> usize {
        self.segments.iter().map(|segment| segment.lines.len()).sum()
    }

    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(Segment::bytes).sum()
    }

    /// The instant of the oldest record.
    pub fn oldest(&self) -> Option<i64> {
        self.segments.iter().find_map(Segment::began)
    }

    /// Takes the oldest run out.
    pub fn leave(&mut self) -> Option<Body> {
        self.segments.pop_front().map(|segment| segment.body)
    }

    /// The newest records that a filter keeps, the newest first.
    pub fn newest(&self, filter: &Filter, most: usize) -> Vec<(u64, Found)> {
        let Some(sieve) = filter.sieve(&self.names, &self.hasher) else { return Vec::new() };
        let all = self.segments.iter().rev().flat_map(|segment| {
            segment.lines.iter().enumerate().rev().map(move |(place, line)| (segment, place, line))
        });
        let kept = all.filter(|(_, _, line)| sieve.keeps(line));
        kept.take(most).filter_map(|(segment, place, line)| Some((line.seq, segment.find(place)?))).collect()
    }

    /// The oldest records that a filter keeps, the oldest first.
    pub fn oldest_of(&self, filter: &Filter, most: usize) -> Vec<(u64, Found)> {
        let Some(sieve) = filter.sieve(&self.names, &self.hasher) else { return Vec::new() };
        // Whole runs that are too old need not be looked through.
        let after = filter.after.unwrap_or(0);
        let young = self.segments.iter().filter(|segment| segment.lines.last().is_some_and(|line| line.seq > after));
        let all =
            young.flat_map(|segment| segment.lines.iter().enumerate().map(move |(place, line)| (segment, place, line)));
        let kept = all.filter(|(_, _, line)| sieve.keeps(line));
        kept.take(most).filter_map(|(segment, place, line)| Some((line.seq, segment.find(place)?))).collect()
    }

    /// What the records that a filter keeps have in common.
    pub fn groups(&self, filter: &Filter, most: usize) -> Groups {
        let Some(sieve) = filter.sieve(&self.names, &self.hasher) else { return Groups::default() };
        let lines = self.segments.iter().flat_map(|segment| &segment.lines);
        let kept: Vec<Line> = lines.filter(|line| sieve.keeps(line)).copied().collect();
        Groups::of(&kept, most, &self.names)
    }

    /// The records that a filter keeps, counted by reason and time.
    pub fn buckets(&self, filter: &Filter, step: i64, most: usize) -> Buckets {
        let lines = self.segments.iter().flat_map(|segment| &segment.lines);
        let sieve = filter.sieve(&self.names, &self.hasher);
        Buckets::of(
            lines.filter(|line| sieve.as_ref().is_some_and(|sieve| sieve.keeps(line))),
            filter,
            step,
            most,
            &self.names,
        )
    }
}
