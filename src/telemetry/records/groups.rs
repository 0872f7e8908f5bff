//! What refusals have in common: which reasons, routes and issuers, and whether it is one client again and again, or
//! many.

use std::collections::HashMap;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use super::line::Line;
use super::names::{Names, Number};

/// How often one thing was met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What.
    pub name: String,
    /// How often.
    pub count: usize,
}

/// The refusals of a while, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// How many there are.
    pub total: usize,
    /// By reason, the most frequent first.
    pub reasons: Vec<Group>,
    /// By route.
    pub routes: Vec<Group>,
    /// By issuer.
    pub issuers: Vec<Group>,
    /// By the hash of the subject.
    pub subjects: Vec<Group>,
    /// By the hash of the client's id.
    pub clients: Vec<Group>,
    /// By the client's address, or the peer's.
    pub addresses: Vec<Group>,
    /// How many subjects there are.
    pub different_subjects: usize,
    /// How many addresses there are.
    pub different_addresses: usize,
}

fn top<K: Hash + Eq + Ord + Copy>(
    lines: &[Line],
    most: usize,
    key: impl Fn(&Line) -> Option<K>,
    name: impl Fn(K) -> String,
) -> (Vec<Group>, usize) {
    let mut counts: HashMap<K, usize> = HashMap::new();
    for key in lines.iter().filter_map(key) {
        *counts.entry(key).or_default() += 1;
    }
    let different = counts.len();
    let mut all: Vec<(K, usize)> = counts.into_iter().collect();
    all.sort_unstable_by_key(|(key, count)| (std::cmp::Reverse(*count), *key));
    let groups = all.into_iter().take(most).map(|(key, count)| Group { name: name(key), count });
    (groups.collect(), different)
}

impl Groups {
    pub(super) fn of(lines: &[Line], most: usize, names: &Names) -> Self {
        let named = |key: fn(&Line) -> Number| {
            let name = |number| names.name(number).unwrap_or_default().to_owned();
            top(lines, most, |line| Some(key(line)).filter(|number| *number != 0), name).0
        };
        let hashed = |key: fn(&Line) -> u64| {
            top(lines, most, |line| Some(key(line)).filter(|hash| *hash != 0), |hash| format!("{hash:016x}"))
        };
        let (subjects, different_subjects) = hashed(|line| line.subject);
        let (addresses, different_addresses) =
            top(lines, most, |line| line.address, |address| address.to_canonical().to_string());
        Self {
            total: lines.len(),
            // Of what is only refused by a shadow policy, its reason.
            reasons: named(|line| if line.reason == 0 { line.shadow } else { line.reason }),
            routes: named(|line| line.route),
            issuers: named(|line| line.issuer),
            subjects,
            clients: hashed(|line| line.client).0,
            addresses,
            different_subjects,
            different_addresses,
        }
    }

    /// Whether it is one looping client or many, in words; nothing where there are too few to say.
    #[must_use]
    pub fn verdict(&self) -> Option<String> {
        const FEW: usize = 10;
        if self.total < FEW {
            return None;
        }
        let half = |groups: &[Group]| groups.first().filter(|first| first.count * 2 >= self.total).cloned();
        let share = |group: &Group| group.count * 100 / self.total.max(1);
        Some(match (half(&self.subjects), half(&self.addresses)) {
            (Some(one), _) => {
                format!("one subject, {}, is behind {} % of them: a looping client", one.name, share(&one))
            }
            (None, Some(one)) => {
                format!("one address, {}, is behind {} % of them: a looping client, or a proxy", one.name, share(&one))
            }
            (None, None) => {
                format!("many: {} subjects, {} addresses", self.different_subjects, self.different_addresses)
            }
        })
    }
}
