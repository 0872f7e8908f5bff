//! Sessions end however busy they are, and not however busy they are; and whoever is to be warned of an end, or may ask for
//! more time, has where to hear it and to ask.

use std::time::Duration;

use super::tell::Faults;
use crate::control::config::{Fault, Spans, join};
use crate::control::settings::Config;
use crate::decide::finding::{Limit, Origin};
use crate::decide::limits::Limits;
use crate::decide::policy::Policy;
use crate::proxy::policies;
use crate::proxy::sessions::{Extend, SessionPolicy};
use crate::proxy::settings::{Access, PolicySettings, RouteSettings};
use crate::proxy::telling::WARN_BEFORE;
use crate::settings::Span;
use crate::state::sessions::Activity;

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    let build = |(name, settings)| About::new(config, name, settings);
    let all: Vec<About<'_>> = config.policies.iter().map(build).collect();
    for about in &all {
        about.lives_on(&mut faults);
        about.is_told(&mut faults);
    }
    if let Some(about) = all.iter().find(|about| about.limits.idle.is_some() && about.is_used())
        && !all.iter().any(About::shows_a_user)
    {
        let help = "leave out `activity: none` where its user is there, or say `absolute` in place of `idle`";
        faults.warn(&about.place("idle"), "no route shows that a user is there: every session ends so soon", help);
    }
    defaults(config, &all, &mut faults);
    faults.list()
}

/// What `defaults` say that holds for no policy, and limits that some policy has of them.
fn defaults(config: &Config, all: &[About<'_>], faults: &mut Faults<'_>) {
    let usual = &config.defaults.session;
    if all.iter().any(|about| about.is_endless() && about.origin("idle") == Some(Origin::Defaults)) {
        faults.warn("defaults.session.idle", ENDLESS, ENDS);
    }
    let is_told = all.iter().any(|about| about.is_warned());
    vain("defaults", usual, (is_told, config.sessions.door.is_some()), faults);
}

const ENDLESS: &str = "a session that is used all the time never ends";
const ENDS: &str =
    "say `absolute` too, such as `8h` (NIST SP 800-63B-4, OWASP ASVS 7.3.2), or `absolute: off` if it may";

/// Nobody hears a warning, and nobody can ask for more time.
fn vain(path: &str, session: &SessionPolicy, (is_told, has_door): (bool, bool), faults: &mut Faults<'_>) {
    if session.warn_before.is_some() && !is_told {
        let help = "say `session_headers: true` on a route of it, or `sessions: { door: { route: … } }`, or remove it";
        faults.warn(&format!("{path}.session.warn_before"), "nobody is told of it", help);
    }
    if session.extend == Some(Extend::Allow) && !has_door {
        let help = "say `sessions: { door: { route: … } }`, of a route of it, or remove it";
        faults.warn(&format!("{path}.session.extend"), "there is no session door at which to ask for it", help);
    }
}

/// A policy as it is, and the routes that ask it.
struct About<'a> {
    config: &'a Config,
    settings: &'a PolicySettings,
    policy: Policy,
    limits: Limits,
    path: String,
    routes: Vec<&'a RouteSettings>,
}

impl<'a> About<'a> {
    fn new(config: &'a Config, name: &'a String, settings: &'a PolicySettings) -> Self {
        let policy = policies::build(name, settings, &config.defaults, config.sessions.at_bound());
        let asks = |route: &&RouteSettings| {
            let asked = route.policy.as_ref().or(config.defaults.policy.as_ref());
            route.access == Access::Guarded && asked == Some(name)
        };
        let (limits, routes) = (policy.own_limits(&[]), config.routes.iter().filter(asks).collect());
        Self { config, settings, policy, limits, path: join("policies", name), routes }
    }

    fn origin(&self, field: &str) -> Option<Origin> {
        let all = self.limits.spans();
        all.into_iter().find_map(|(name, limit)| limit.filter(|_| name.ends_with(field)).map(|limit| limit.origin))
    }

    /// Where the limit is written.
    fn place(&self, field: &str) -> String {
        match self.origin(&format!("session.{field}")) {
            Some(Origin::Preset) => format!("{}.preset", self.path),
            Some(Origin::Defaults) => format!("defaults.session.{field}"),
            _ => format!("{}.session.{field}", self.path),
        }
    }

    fn is_used(&self) -> bool {
        !self.routes.is_empty()
    }

    /// Whether nothing ends a session but silence, and nobody said that this is meant.
    fn is_endless(&self) -> bool {
        self.limits.idle.is_some() && self.is_open()
    }

    fn is_open(&self) -> bool {
        let said = self.settings.session.absolute.or(self.config.defaults.session.absolute);
        self.limits.absolute.is_none() && said.is_none()
    }

    fn lives_on(&self, faults: &mut Faults<'_>) {
        if self.is_endless() {
            // What comes of `defaults` is told once, there.
            if self.origin("session.idle") != Some(Origin::Defaults) {
                faults.warn(&self.place("idle"), ENDLESS, ENDS);
            }
            return;
        }
        for (at, rule) in self.settings.when.iter().enumerate() {
            let idle = rule.session.idle.is_some_and(|idle| idle.on().is_some());
            if idle && self.is_open() && rule.session.absolute.is_none() {
                faults.warn(&format!("{}.when[{at}].session.idle", self.path), ENDLESS, ENDS);
            }
        }
    }

    /// Whether an activity is remembered where one of its routes is used, or more time asked for.
    fn shows_a_user(&self) -> bool {
        let extend = self.settings.session.extend.or(self.config.defaults.session.extend);
        let is_user = self.routes.iter().any(|route| route.activity == Activity::User);
        self.policy.asks_of_sessions() && (is_user || self.has_door() && extend == Some(Extend::Allow))
    }

    fn has_door(&self) -> bool {
        let door = self.config.sessions.door.as_ref();
        door.is_some_and(|door| self.routes.iter().any(|route| route.name == door.route))
    }

    /// Whether anybody hears when a session of it ends.
    fn is_warned(&self) -> bool {
        self.has_door() || self.routes.iter().any(|route| route.session_headers)
    }

    fn is_told(&self, faults: &mut Faults<'_>) {
        let (own, usual) = (&self.settings.session, &self.config.defaults.session);
        if self.is_used() {
            vain(&self.path, own, (self.is_warned(), self.has_door()), faults);
        }
        if !self.is_warned() || own.warn_before.is_some() {
            return;
        }
        let before = usual.warn_before.map_or(WARN_BEFORE, Span::get);
        let is_shorter = |limit: Option<Limit<Duration>>| limit.is_some_and(|limit| limit.value <= before);
        let field = [("idle", self.limits.idle), ("absolute", self.limits.absolute)];
        if let Some((field, _)) = field.into_iter().find(|(_, limit)| is_shorter(*limit)) {
            let message = format!("the user is always warned: `warn_before` is {}", Span::from(before));
            faults.warn(&self.place(field), message, "say `warn_before`, and shorter than this");
        }
    }
}
