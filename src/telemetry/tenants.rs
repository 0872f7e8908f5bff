//! The tenants by which decisions are counted: each is known by a number from its first request on, so that the line
//! only looks up. There are no more than the settings say: who comes later is counted as `other`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

use arc_swap::ArcSwap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::meter::lock;
use super::records::escape::is_loud;
use crate::decide::claims::Claims;

/// By what decisions are counted besides route, issuer and reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TenantsByClaim")]
pub struct TenantsByClaim {
    /// The claim in which a verified token names its tenant, such as `tenant`, or a path such as `org.id`; `client_id` for
    /// its client. What it says is told in metrics as it is: name no claim that names people.
    pub claim: String,
    /// The tenants that are told apart, all others being `other`. Default: those that come first, up to `most`.
    #[serde(default)]
    pub names: Vec<String>,
    /// How many tenants are told apart at most, from 1 to 200. Each has series of its own on each route that it uses.
    /// Default 50.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 200))]
    pub most: usize,
}

const fn fifty() -> usize {
    50
}

impl TenantsByClaim {
    /// The most tenants that can be told apart.
    pub const MOST: usize = 200;
}

/// The place of whoever names no tenant.
pub(super) const NONE: usize = 0;
/// The place of all for whom there is no other.
pub(super) const OTHER: usize = 1;
/// How many places that makes without any tenant.
const FIXED: usize = 2;
/// A longer name is no name of a tenant; nor is one that does something where it is shown.
const LONGEST: usize = 64;
/// How many pairs of a route's issuer and a tenant are counted by themselves. Each may have a series for each reason.
pub(super) const PAIRS: usize = 4096;

/// The tenants that are told apart.
#[derive(Debug)]
pub(super) struct Tenants {
    claim: Box<str>,
    /// Whether tenants are added when they are first seen.
    grows: bool,
    most: usize,
    known: ArcSwap<Known>,
    adding: Mutex<()>,
    pairs: AtomicUsize,
}

#[derive(Clone, Debug, Default)]
struct Known {
    places: HashMap<Box<str>, usize, foldhash::fast::RandomState>,
    names: Vec<Box<str>>,
}

impl Known {
    fn add(&mut self, name: &str) -> usize {
        let place = FIXED + self.names.len();
        self.places.insert(name.into(), place);
        self.names.push(name.into());
        place
    }
}

impl Tenants {
    pub fn new(settings: &TenantsByClaim) -> Self {
        let most = settings.most.clamp(1, TenantsByClaim::MOST);
        let mut known = Known::default();
        known.places.insert("other".into(), OTHER);
        for name in &settings.names {
            if known.names.len() < most && !known.places.contains_key(&**name) {
                known.add(name);
            }
        }
        Self {
            claim: settings.claim.as_str().into(),
            grows: settings.names.is_empty(),
            most,
            known: ArcSwap::from_pointee(known),
            adding: Mutex::default(),
            pairs: AtomicUsize::new(0),
        }
    }

    /// How many places there are.
    pub const fn places(&self) -> usize {
        FIXED + self.most
    }

    /// The place of the tenant that a verified token names, looked up once for each token. Once given, a place stays.
    pub fn noted(&self, claims: &Claims, note: Option<&AtomicU32>) -> usize {
        let Some(note) = note else { return self.place(claims) };
        if let Some(place) = note.load(Relaxed).checked_sub(1) {
            return place as usize;
        }
        let place = self.place(claims);
        note.store(u32::try_from(place).map_or(0, |place| place + 1), Relaxed);
        place
    }

    /// The place of the tenant that a verified token names. Allocates only when one is added.
    pub fn place(&self, claims: &Claims) -> usize {
        let Some(named) = self.named(claims) else { return NONE };
        let Some(name) = named.filter(|name| fits(name)) else { return OTHER };
        let known = self.known.load();
        match known.places.get(name) {
            Some(place) => *place,
            None if self.grows && known.names.len() < self.most => self.add(name),
            None => OTHER,
        }
    }

    /// What the claim says: nothing without it, and no name where it is anything but text.
    fn named<'a>(&self, claims: &'a Claims) -> Option<Option<&'a str>> {
        if matches!(&*self.claim, "client_id" | "azp") {
            return claims.client().map(Some);
        }
        claims.at(&self.claim).map(Value::as_str)
    }

    fn add(&self, name: &str) -> usize {
        let _one_at_a_time = lock(&self.adding);
        let known = self.known.load();
        if let Some(place) = known.places.get(name) {
            return *place;
        }
        if known.names.len() >= self.most {
            return OTHER;
        }
        let mut more = Known::clone(&known);
        let place = more.add(name);
        self.known.store(Arc::new(more));
        place
    }

    /// Takes one of the pairs that are counted by themselves, if any is left.
    pub fn take_pair(&self) -> bool {
        self.pairs.fetch_update(Relaxed, Relaxed, |taken| (taken < PAIRS).then_some(taken + 1)).is_ok()
    }

    /// The tenant that a verified token names, as metrics tell it.
    pub fn told(&self, claims: &Claims) -> Option<Box<str>> {
        match self.place(claims) {
            NONE => None,
            OTHER => Some("other".into()),
            place => self.known.load().names.get(place - FIXED).cloned(),
        }
    }

    /// The names of all places, in order.
    pub fn names(&self) -> Vec<Box<str>> {
        let known = self.known.load();
        ["", "other"].map(Box::from).into_iter().chain(known.names.iter().cloned()).collect()
    }
}

fn fits(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len()) && !name.chars().any(is_loud)
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::json;

    fn tenants(names: &[&str], most: usize) -> Tenants {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Tenants::new(&TenantsByClaim { claim: "org.id".into(), names, most })
    }

    fn of(tenants: &Tenants, org: Value) -> String {
        let rest = json!({ "org": org }).as_object().unwrap().clone();
        let place = tenants.place(&Claims { rest, ..Claims::default() });
        tenants.names()[place].to_string()
    }

    #[test]
    fn those_that_come_first_are_told_apart() {
        let tenants = tenants(&[], 2);
        let named: Vec<_> = ["a", "b", "c", "a", "d"].map(|id| of(&tenants, json!({ "id": id }))).into();
        assert_eq!(named, ["a", "b", "other", "a", "other"]);
        assert_eq!((tenants.names().len(), tenants.places()), (4, 4));
    }

    #[test]
    fn those_that_are_named_and_no_others() {
        let tenants = tenants(&["acme", "other", "acme"], 50);
        assert_eq!(["acme", "b", "other"].map(|id| of(&tenants, json!({ "id": id }))), ["acme", "other", "other"]);
        assert_eq!(tenants.names().len(), 3);
    }

    /// Whatever the claim holds: no tenant, or one that is no name.
    #[test]
    fn what_is_no_name_is_other() {
        let tenants = tenants(&[], 5);
        let long = "x".repeat(65);
        for odd in [
            json!(7),
            json!(["a"]),
            json!({}),
            json!(null),
            json!(""),
            json!("a\nb"),
            json!("\u{1b}["),
            json!("a\u{202e}b"),
            json!("a\u{200b}"),
            json!(long),
        ] {
            assert_eq!(of(&tenants, json!({ "id": odd })), "other", "{odd}");
        }
        assert_eq!(of(&tenants, json!({})), "");
        assert_eq!(of(&tenants, json!("acme")), "");
        assert_eq!(tenants.names().len(), 2, "none of them was taken up");
    }

    #[test]
    fn many_at_once_are_no_more_than_the_most() {
        let tenants = tenants(&[], 7);
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let tenants = &tenants;
                scope.spawn(move || {
                    (0..500).for_each(|id| _ = of(tenants, json!({ "id": format!("{}", id * 4 + worker) })))
                });
            }
        });
        assert_eq!(tenants.names().len(), 9);
        let names: std::collections::BTreeSet<_> = tenants.names().into_iter().collect();
        assert_eq!(names.len(), 9);
    }
}
