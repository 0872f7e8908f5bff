//! What refusals have in common: which reasons, routes, issuers and tenants, who is behind most of each, and whether it is
//! one client again and again, or many.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::line::Line;
use super::names::{Names, Number};
use crate::telemetry::trail::Word;

/// How often one thing was met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What.
    pub name: String,
    /// How often.
    pub count: usize,
    /// Who is behind most of them, where there is more than one and it can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<Top>,
}

/// Whoever is behind most of a group: a subject, else a client, else an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Top {
    /// `subject`, `client` or `address`.
    pub kind: Word,
    /// Its hash, or the address.
    pub name: String,
    /// How many of the group are its own.
    pub count: usize,
    /// How many such there are.
    pub of: usize,
    /// The same in words.
    pub told: String,
}

impl Top {
    /// The same of a group of so many; nothing of a single one.
    fn told(self, whole: usize) -> Option<Self> {
        let Self { kind, name, count, of, .. } = &self;
        let told = match of {
            1 => format!("all by one {kind}, {name}"),
            _ => format!("{} % by one {kind}, {name}; {of} in all", count * 100 / whole.max(1)),
        };
        (whole > 1).then_some(Self { told, ..self })
    }
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
    /// By tenant.
    #[serde(default)]
    pub tenants: Vec<Group>,
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

/// Whose a refusal is, as closely as it is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Who {
    Subject(u64),
    Client(u64),
    Address(IpAddr),
}

impl Who {
    fn of(line: &Line) -> Option<Self> {
        match line {
            Line { subject: 1.., .. } => Some(Self::Subject(line.subject)),
            Line { client: 1.., .. } => Some(Self::Client(line.client)),
            _ => line.address.map(|address| Self::Address(address.to_canonical())),
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Subject(_) => "subject",
            Self::Client(_) => "client",
            Self::Address(_) => "address",
        }
    }

    fn name(self) -> String {
        match self {
            Self::Subject(hash) | Self::Client(hash) => format!("{hash:016x}"),
            Self::Address(address) => address.to_string(),
        }
    }
}

type Counts<K> = HashMap<K, usize, foldhash::fast::RandomState>;

/// How often each was met, the most frequent first.
fn counted<K: Hash + Eq + Ord + Copy>(lines: &[Line], key: impl Fn(&Line) -> Option<K>) -> Vec<(K, usize)> {
    let mut counts: Counts<K> = Counts::default();
    for key in lines.iter().filter_map(key) {
        *counts.entry(key).or_default() += 1;
    }
    let mut all: Vec<(K, usize)> = counts.into_iter().collect();
    all.sort_unstable_by_key(|(key, count)| (std::cmp::Reverse(*count), *key));
    all
}

fn top<K: Hash + Eq + Ord + Copy>(
    lines: &[Line],
    most: usize,
    key: impl Fn(&Line) -> Option<K>,
    name: impl Fn(K) -> String,
) -> (Vec<Group>, usize) {
    let all = counted(lines, key);
    let different = all.len();
    let groups = all.into_iter().take(most).map(|(key, count)| Group { name: name(key), count, top: None });
    (groups.collect(), different)
}

/// Groups with a name, each with whoever is behind most of it.
fn named(lines: &[Line], most: usize, names: &Names, key: impl Fn(&Line) -> Number) -> Vec<Group> {
    let mut all = counted(lines, |line| Some(key(line)).filter(|number| *number != 0));
    all.truncate(most);
    let wanted: HashSet<Number> = all.iter().map(|(number, _)| *number).collect();
    let pair = |line: &Line| Some((key(line), Who::of(line)?)).filter(|(number, _)| wanted.contains(number));
    let mut tops: HashMap<Number, Top> = HashMap::new();
    // The most frequent come first: the first of a group is its greatest.
    for ((number, who), count) in counted(lines, pair) {
        let first = || Top { kind: who.kind().into(), name: who.name(), count, of: 0, told: String::new() };
        tops.entry(number).or_insert_with(first).of += 1;
    }
    let name = |number| names.name(number).unwrap_or_default().to_owned();
    let group = |(number, count)| Group {
        name: name(number),
        count,
        top: tops.remove(&number).and_then(|top| top.told(count)),
    };
    all.into_iter().map(group).collect()
}

impl Groups {
    pub(super) fn of(lines: &[Line], most: usize, names: &Names) -> Self {
        let hashed = |key: fn(&Line) -> u64| {
            top(lines, most, |line| Some(key(line)).filter(|hash| *hash != 0), |hash| format!("{hash:016x}"))
        };
        let (subjects, different_subjects) = hashed(|line| line.subject);
        let (addresses, different_addresses) =
            top(lines, most, |line| line.address, |address| address.to_canonical().to_string());
        Self {
            total: lines.len(),
            // Of what is only refused by a shadow policy, its reason.
            reasons: named(lines, most, names, |line| if line.reason == 0 { line.shadow } else { line.reason }),
            routes: named(lines, most, names, |line| line.route),
            issuers: named(lines, most, names, |line| line.issuer),
            tenants: named(lines, most, names, |line| line.tenant),
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
        if let Some(one) = half(&self.subjects) {
            return Some(format!("one subject, {}, is behind {} % of them: a looping client", one.name, share(&one)));
        }
        if let Some(one) = half(&self.addresses) {
            let (name, share) = (&one.name, share(&one));
            return Some(format!("one address, {name}, is behind {share} % of them: a looping client, or a proxy"));
        }
        let many = format!("many: {} subjects, {} addresses", self.different_subjects, self.different_addresses);
        // Its users have nothing in common but it.
        Some(match half(&self.clients) {
            Some(one) => format!("{many}; one client, {}, is behind {} % of them", one.name, share(&one)),
            None => many,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of a reason: so many of each subject, client and number of an address.
    fn lines(reason: Number, all: &[(usize, u64, u64, u8)]) -> Vec<Line> {
        let line = |&(count, subject, client, from): &(usize, u64, u64, u8)| {
            let line = Line { reason, subject, client, address: Some([10, 0, 0, from].into()), ..Line::default() };
            std::iter::repeat_n(line, count)
        };
        all.iter().flat_map(line).collect()
    }

    #[test]
    fn who_is_behind_a_group_is_told() {
        let mut names = Names::default();
        let (expired, missing) = (names.number(Some("token_expired")), names.number(Some("token_missing")));
        let mut all = lines(expired, &[(11, 7, 1, 1), (1, 8, 1, 2)]);
        all.extend(lines(missing, &[(2, 0, 0, 3), (1, 0, 0, 4)]));
        all.extend(lines(names.number(Some("route_not_found")), &[(1, 0, 0, 3)]));
        let groups = Groups::of(&all, 10, &names);
        let told = |group: &Group| group.top.as_ref().map(|top| top.told.clone());
        let all: Vec<_> = groups.reasons.iter().map(|group| (&*group.name, group.count, told(group))).collect();
        let share = |text: &str| Some(text.to_owned());
        let expected = [
            ("token_expired", 12, share("91 % by one subject, 0000000000000007; 2 in all")),
            ("token_missing", 3, share("66 % by one address, 10.0.0.3; 2 in all")),
            ("route_not_found", 1, None),
        ];
        assert_eq!(all, expected);
        assert_eq!(
            groups.verdict().unwrap(),
            "one subject, 0000000000000007, is behind 68 % of them: a looping client"
        );
        let one = Groups::of(&lines(expired, &[(3, 0, 9, 1), (2, 0, 9, 2)]), 10, &names);
        assert_eq!(told(one.reasons.first().unwrap()), share("all by one client, 0000000000000009"));
    }

    #[test]
    fn a_client_with_many_users_is_told_beside_them() {
        let mut names = Names::default();
        let expired = names.number(Some("token_expired"));
        let of = |client: u64| (1..=12).map(|user| (1, u64::from(user), client, user)).collect::<Vec<_>>();
        let verdict = |client| Groups::of(&lines(expired, &of(client)), 3, &names).verdict().unwrap();
        assert_eq!(
            verdict(5),
            "many: 12 subjects, 12 addresses; one client, 0000000000000005, is behind 100 % of them"
        );
        assert_eq!(verdict(0), "many: 12 subjects, 12 addresses");
    }
}
