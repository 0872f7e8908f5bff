//! One thing that can go wrong again and again: a fetch, a reload, a file. It is told when it begins or changes, then
//! now and then with how often it was met, and its end once. The words are the caller's.

use crate::settings::Span;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The same text is told again after this at the earliest.
const AGAIN: Duration = Duration::from_secs(5 * 60);

/// As many texts are told apart: troubles that take turns are not news each time either.
const TEXTS: usize = 8;

/// A trouble, shared by whoever meets it.
#[derive(Debug, Default)]
pub struct Trouble(Mutex<Course>);

#[derive(Debug, Default)]
struct Course {
    since: Option<Instant>,
    told: Vec<(Box<str>, Instant)>,
    repeats: u64,
}

impl Trouble {
    /// It was met. If it is to be told: how often it was met without being told since it was told last.
    pub fn met(&self, text: &str) -> Option<u64> {
        self.course(|course| course.met(text, Instant::now()))
    }

    /// All is well. If it was not before: how long that was so, to the second where it was longer than one.
    pub fn over(&self) -> Option<Span> {
        self.course(|course| course.over(Instant::now())).map(whole)
    }

    fn course<T>(&self, act: impl FnOnce(&mut Course) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Course {
    fn met(&mut self, text: &str, now: Instant) -> Option<u64> {
        self.since.get_or_insert(now);
        self.told.retain(|(_, at)| now.duration_since(*at) < AGAIN);
        if self.told.len() >= TEXTS || self.told.iter().any(|(told, _)| **told == *text) {
            self.repeats = self.repeats.saturating_add(1);
            return None;
        }
        self.told.push((text.into(), now));
        Some(std::mem::take(&mut self.repeats))
    }

    fn over(&mut self, now: Instant) -> Option<Duration> {
        let since = std::mem::take(self).since?;
        Some(now.duration_since(since))
    }
}

fn whole(lasted: Duration) -> Span {
    let secs = Duration::from_secs(lasted.as_secs());
    Span::from(if secs.is_zero() { Duration::from_millis(u64::from(lasted.subsec_millis())) } else { secs })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_same_is_told_once_in_five_minutes_with_a_count() {
        let (mut course, start) = (Course::default(), Instant::now());
        let told: Vec<u64> = (0..900).filter_map(|at| course.met("gone", start + SECOND * at)).collect();
        assert_eq!(told, [0, 299, 299]);
        assert_eq!(course.over(start + SECOND * 900), Some(SECOND * 900));
        assert_eq!(course.over(start + SECOND * 901), None);
        assert_eq!(course.met("gone", start + SECOND * 902), Some(0), "a new trouble is news");
    }

    #[test]
    fn another_text_is_told_at_once_but_not_without_end() {
        let (mut course, start) = (Course::default(), Instant::now());
        let turns: Vec<u64> =
            (0..100).filter_map(|at| course.met(["slow", "refused"][at as usize % 2], start + SECOND * at)).collect();
        assert_eq!(turns, [0, 0]);
        let ever_new = (0..200).filter_map(|at| course.met(&format!("{at}"), start + SECOND * (100 + at))).count();
        assert_eq!(ever_new, TEXTS - 2);
    }

    #[test]
    fn how_long_it_was_is_told_in_whole_seconds() {
        assert_eq!(whole(Duration::from_millis(62_345)).to_string(), Span::secs(62).to_string());
        assert_eq!(
            whole(Duration::from_micros(250_300)).to_string(),
            Span::from(Duration::from_millis(250)).to_string()
        );
    }
}
