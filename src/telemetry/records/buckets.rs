//! When refusals were: how many of each reason in each step of time, for a chart.

use std::collections::HashMap;

use serde::Serialize;

use super::filter::Filter;
use super::line::Line;
use super::names::{Names, Number};

/// What stands for the reasons that are too rare to be told apart.
const OTHER: &str = "other";

/// The records of a while, counted by reason and time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Buckets {
    /// When the first step begins, in milliseconds since 1970.
    pub from_ms: i64,
    /// How long each step is.
    pub step_ms: i64,
    /// How many steps there are.
    pub steps: usize,
    /// How many records there are in all of them.
    pub total: usize,
    /// By reason, the most frequent first; the rest is `other`.
    pub reasons: Vec<Counted>,
}

/// One reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Its code.
    pub name: String,
    /// How many there are.
    pub total: usize,
    /// How many in each step.
    pub counts: Vec<usize>,
}

impl Counted {
    fn take(&mut self, other: &Self) {
        self.total += other.total;
        self.counts.iter_mut().zip(&other.counts).for_each(|(own, more)| *own += more);
    }
}

/// From when, in which steps, and how many of them.
#[derive(Clone, Copy)]
struct Grid {
    from: i64,
    step: i64,
    steps: usize,
}

impl Grid {
    /// Steps begin where they always do, so that a bar does not change its place while time moves on.
    fn of(filter: &Filter, step: i64) -> Self {
        let step = step.max(1);
        let (since, until) = (filter.since.unwrap_or(0), filter.until.unwrap_or(0));
        let from = since.div_euclid(step) * step;
        let steps = until.saturating_sub(from).max(0).div_euclid(step) + i64::from(until.rem_euclid(step) > 0);
        Self { from, step, steps: usize::try_from(steps).unwrap_or(0) }
    }

    fn place(self, at: i64) -> Option<usize> {
        let place = usize::try_from((at - self.from).div_euclid(self.step)).ok();
        place.filter(|place| *place < self.steps)
    }
}

impl Buckets {
    /// Of these, between the filter's `since` and `until`. Whoever asks sees to it that there are not too many steps.
    pub(super) fn of<'a>(
        lines: impl Iterator<Item = &'a Line>,
        filter: &Filter,
        step: i64,
        most: usize,
        names: &Names,
    ) -> Self {
        let grid = Grid::of(filter, step);
        let mut by_reason: HashMap<Number, Counted> = HashMap::new();
        for line in lines {
            let Some(place) = grid.place(line.at) else { continue };
            let new = || Counted { counts: vec![0; grid.steps], ..Counted::default() };
            // Of what is only refused by a shadow policy, its reason.
            let reason = if line.reason == 0 { line.shadow } else { line.reason };
            let counted = by_reason.entry(reason).or_insert_with(new);
            counted.total += 1;
            counted.counts.iter_mut().skip(place).take(1).for_each(|count| *count += 1);
        }
        let named =
            |(number, counted)| Counted { name: names.name(number).unwrap_or("admitted").to_owned(), ..counted };
        let mut reasons: Vec<Counted> = by_reason.into_iter().map(named).collect();
        reasons.sort_unstable_by(|one, two| two.total.cmp(&one.total).then_with(|| one.name.cmp(&two.name)));
        let total = reasons.iter().map(|counted| counted.total).sum();
        Self { from_ms: grid.from, step_ms: grid.step, steps: grid.steps, total, reasons: folded(reasons, most, grid) }
    }
}

fn folded(mut reasons: Vec<Counted>, most: usize, grid: Grid) -> Vec<Counted> {
    if reasons.len() > most {
        let mut other = Counted { name: OTHER.to_owned(), counts: vec![0; grid.steps], total: 0 };
        reasons.split_off(most.saturating_sub(1)).iter().for_each(|rest| other.take(rest));
        reasons.push(other);
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_in_its_step_and_rare_ones_are_folded() {
        let mut names = Names::default();
        let line = |at, reason| Line { at, reason, ..Line::default() };
        let (a, b, c) = (names.number(Some("a")), names.number(Some("b")), names.number(Some("c")));
        let lines = [
            line(1_000, a),
            line(1_999, a),
            line(2_000, b),
            line(3_500, c),
            line(4_099, a),
            line(4_100, a),
            line(900, a),
        ];
        let filter = Filter { since: Some(1_050), until: Some(4_100), ..Filter::default() };
        let all = Buckets::of(lines.iter(), &filter, 1_000, 3, &names);
        assert_eq!((all.from_ms, all.steps, all.total), (1_000, 4, 6));
        assert_eq!(all.reasons[0], Counted { name: "a".into(), total: 4, counts: vec![2, 0, 0, 2] });
        let folded = Buckets::of(lines.iter(), &filter, 1_000, 2, &names);
        assert_eq!(folded.reasons[1], Counted { name: "other".into(), total: 2, counts: vec![0, 1, 1, 0] });
        let none = Buckets::of(lines.iter(), &Filter::default(), 0, 2, &names);
        assert_eq!((none.steps, none.total), (0, 0));
    }
}
