//! From settings to a plan: the second step, which does I/O and may fail for reasons that no check can foresee.
//! What did not change from the plan before is kept: upstreams keep their health and their connections.

use super::config::join;
use super::doors;
use super::settings::Config;
use crate::decide::policy::Policy;
use crate::idp::reception::Reception;
use crate::proxy::answer::Stationery;
use crate::proxy::certificates::Certificates;
use crate::proxy::hygiene::Hygiene;
use crate::proxy::identity::Identity;
use crate::proxy::listen::Security;
use crate::proxy::pace::Pace;
use crate::proxy::plan::{Bounds, FieldRules, Plan, Route};
use crate::proxy::policies;
use crate::proxy::router::{Pattern, Router};
use crate::proxy::session_door::{SessionDoor, SessionDoorSettings};
use crate::proxy::sessions;
use crate::proxy::settings::{Access, HeaderRules, RouteSettings};
use crate::proxy::shadow::Shadow;
use crate::proxy::telling::Telling;
use crate::proxy::tls::Handshaker;
use crate::settings::{Bytes, OrOff, Span};
use crate::state::fingerprint::Edition;
use crate::state::sessions::Activity;
use crate::telemetry::{AccessLog, Telemetry};
use crate::token::issuers::{Issuer, Issuers};
use crate::token::location::Locations;
use crate::upstream::{self, Pool};
use http::{HeaderName, HeaderValue, Method};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Why a plan could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An upstream.
    #[error(transparent)]
    Upstream(#[from] upstream::BuildError),
    /// A listener's certificates.
    #[error("listener `{name}`: {why}")]
    Listener {
        /// The listener.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// What the check of the config should have found.
    #[error("route `{0}` does not fit the rest of the config; run `curfew check`")]
    Route(String),
}

impl BuildError {
    /// The setting that asks for what could not be built.
    #[must_use]
    pub fn setting(&self, config: &Config) -> String {
        match self {
            Self::Upstream(error) => format!("{}.tls.ca", join("upstreams", error.name())),
            Self::Listener { name, .. } => match config.listeners.iter().position(|listener| listener.name == *name) {
                Some(at) => format!("listeners[{at}].tls"),
                None => "admin.tls".into(),
            },
            Self::Route(name) => match config.routes.iter().position(|route| route.name == *name) {
                Some(at) => format!("routes[{at}]"),
                None => "routes".into(),
            },
        }
    }
}

/// The pools of a plan, by name.
pub type Pools = BTreeMap<String, Arc<Pool>>;

/// Builds the pools; one whose settings did not change is the one from before.
///
/// # Errors
/// If the roots of an upstream cannot be read.
pub fn pools(config: &Config, before: &Pools) -> Result<Pools, BuildError> {
    let build = |(name, settings): (&String, &upstream::Settings)| {
        let same = before.get(name).filter(|pool| pool.settings == *settings);
        let pool = match same {
            Some(pool) => Arc::clone(pool),
            None => Arc::new(Pool::build(name, settings)?),
        };
        Ok((name.clone(), pool))
    };
    config.upstreams.iter().map(build).collect()
}

/// Reads what listeners need of files, as it will be read at the next start. Nothing is opened.
///
/// # Errors
/// The first that could not be opened then.
pub fn listeners(config: &Config) -> Result<(), BuildError> {
    let named = config.listeners.iter().filter_map(|listener| match &listener.security {
        Security::Tls(tls) => Some((listener.name.as_str(), tls)),
        Security::Plaintext => None,
    });
    let admin = config.admin.as_ref().on().and_then(|admin| admin.tls.as_ref());
    for (name, tls) in named.chain(admin.map(|tls| ("admin", tls))) {
        let fault = |why: String| BuildError::Listener { name: name.to_owned(), why };
        let certificates =
            Certificates::open(&tls.certificates, tls.unknown_sni).map_err(|error| fault(error.to_string()))?;
        Handshaker::new(tls, certificates, true).map_err(|error| fault(error.to_string()))?;
    }
    Ok(())
}

/// Builds the plan.
///
/// # Errors
/// If the config does not fit together, which its check would have told.
pub fn plan(
    config: &Config,
    revision: &str,
    issuers: Vec<Issuer>,
    pools: &Pools,
    reception: Arc<Reception>,
    telemetry: &Telemetry,
) -> Result<Plan, BuildError> {
    let gateway = &config.gateway;
    let patterns: Vec<Pattern> = config.routes.iter().map(pattern).collect();
    let names: Vec<&str> = config.issuers.keys().map(String::as_str).collect();
    let misfit =
        |index: usize| BuildError::Route(config.routes.get(index).map(|route| route.name.clone()).unwrap_or_default());
    let router = Router::build(&patterns)
        .map_err(|conflicts| misfit(conflicts.first().map_or(0, |conflict| conflict.second)))?;
    let route = |settings: &RouteSettings| {
        route(config, settings, &names, pools, telemetry).ok_or_else(|| BuildError::Route(settings.name.clone()))
    };
    let routes = config.routes.iter().map(|settings| route(settings).map(Arc::new)).collect::<Result<Box<[_]>, _>>()?;
    let of_proofs = routes.iter().filter_map(|route| route.policy.as_ref()).map(|policy| policy.binding.max_age.value);
    let proof_age = of_proofs.max().unwrap_or_default();
    let policies = || routes.iter().flat_map(|route| route.policies());
    let kept = &config.sessions;
    let sessions = sessions::terms(policies(), (kept.max, kept.at_bound(), kept.remember.get()));
    let sharing = kept.store().map(|_| (sessions::pace(policies(), kept.interval.map(Span::get)), kept.look_up.get()));
    let session_door = match &config.sessions.door {
        Some(settings) => Some(Box::new(session_door(config, settings, &names, pools, telemetry)?)),
        None => None,
    };
    let injected: Vec<String> = routes.iter().flat_map(|route| route.identity.names().map(str::to_owned)).collect();
    Ok(Plan {
        revision: revision.into(),
        router,
        issuers: Issuers::new(edition(config), issuers),
        stationery: Stationery {
            name: gateway.name.as_str().into(),
            realm: gateway.realm.as_str().into(),
            problem_base: gateway.problem_base.as_str().into(),
            exposure: gateway.exposure,
        },
        hygiene: Hygiene::new(injected.iter().map(String::as_str)),
        routes,
        doors: doors::doors(config, reception, telemetry),
        strict_headers: gateway.strict_headers,
        trusted_proxies: gateway.trusted_proxies.clone().into_boxed_slice(),
        trust_inbound_trace: gateway.trust_inbound_trace,
        trace_fields: gateway.trace_fields.clone().into_boxed_slice(),
        token_bytes: usize::try_from(config.limits.token_bytes.get()).unwrap_or(usize::MAX),
        max_loops: gateway.max_loops,
        proof_age,
        sessions,
        sharing,
        session_door,
        keep_admitted: config.telemetry.access_log != AccessLog::Off,
    })
}

/// What a verified token depends on besides its key: when it changes, tokens are verified again.
fn edition(config: &Config) -> Edition {
    // What cannot be written down is not the same as any other.
    let json = serde_json::to_vec(&config.issuers).unwrap_or_else(|_| format!("{:?}", config.issuers).into_bytes());
    let mut edition = Edition::default();
    blake3::Hasher::new().update(&json).finalize_xof().fill(&mut edition);
    edition
}

fn pattern(settings: &RouteSettings) -> Pattern {
    let method = |name: &String| Method::from_bytes(name.as_bytes()).ok();
    Pattern {
        hosts: settings.hosts.clone(),
        path: settings.path.clone(),
        methods: settings.methods.iter().filter_map(method).collect(),
    }
}

fn route(
    config: &Config,
    settings: &RouteSettings,
    issuers: &[&str],
    pools: &Pools,
    telemetry: &Telemetry,
) -> Option<Route> {
    let policy = match settings.access {
        Access::Open => None,
        Access::Guarded => {
            let name = settings.policy.as_ref().or(config.defaults.policy.as_ref())?;
            Some(Arc::new(policy(config, name)?))
        }
    };
    let name = policy.as_ref().map(|policy| policy.name.to_string()).unwrap_or_default();
    let dpop = policy.as_ref().is_some_and(|policy| policy.binding.speaks_dpop());
    Some(Route {
        meter: telemetry.route(&settings.name, &settings.path, &name, issuers),
        policy,
        shadow: shadow(config, settings, telemetry),
        locations: Locations {
            cookie: settings.token.cookie.as_deref().map(Box::from),
            dpop,
            forward: settings.forward_token,
        },
        pool: Arc::clone(pools.get(&settings.upstream)?),
        upstream_meter: telemetry.upstream(&settings.upstream),
        bounds: bounds(config, settings),
        activity: settings.activity,
        telling: telling(config, settings).filter(|_| settings.session_headers),
        websocket: settings.websocket,
        identity: Identity::build(settings.identity.as_ref()),
        request_fields: fields(&settings.headers.request),
        response_fields: fields(&settings.headers.response),
    })
}

fn policy(config: &Config, name: &str) -> Option<Policy> {
    Some(policies::build(name, config.policies.get(name)?, &config.defaults, config.sessions.at_bound()))
}

/// What is tried on a route.
fn shadow(config: &Config, settings: &RouteSettings, telemetry: &Telemetry) -> Option<Box<Shadow>> {
    let name = settings.shadow.as_ref().filter(|_| settings.access == Access::Guarded)?;
    let meter = telemetry.shadow(&settings.name, name);
    Some(Box::new(Shadow::build(name, config.policies.get(name)?, &config.defaults, meter)))
}

/// How sessions are told on a route.
fn telling(config: &Config, settings: &RouteSettings) -> Option<Telling> {
    let name = settings.policy.as_ref().or(config.defaults.policy.as_ref())?;
    let guarded = settings.access == Access::Guarded;
    guarded.then(|| Some(Telling::of(&config.policies.get(name)?.session, &config.defaults.session)))?
}

/// The session door is a route of its own, which is guarded as the one it names and shows no user.
fn session_door(
    config: &Config,
    settings: &SessionDoorSettings,
    issuers: &[&str],
    pools: &Pools,
    telemetry: &Telemetry,
) -> Result<SessionDoor, BuildError> {
    let misfit = || BuildError::Route(settings.route.clone());
    let guarded = config.routes.iter().find(|route| route.name == settings.route).ok_or_else(misfit)?;
    let own = RouteSettings {
        name: "sessions.door".into(),
        path: settings.path.clone(),
        activity: Activity::None,
        session_headers: true,
        shadow: None,
        ..guarded.clone()
    };
    Ok(SessionDoor {
        path: settings.path.as_str().into(),
        telling: telling(config, &own).ok_or_else(misfit)?,
        route: Arc::new(route(config, &own, issuers, pools, telemetry).ok_or_else(misfit)?),
        origins: settings.origins.iter().map(|origin| origin.as_str().into()).collect(),
        pace: Pace::default(),
    })
}

fn bounds(config: &Config, settings: &RouteSettings) -> Bounds {
    let (own, defaults) = (&settings.timeouts, &config.defaults.timeouts);
    let span = |own: Option<Span>, default: Option<Span>, built_in| own.or(default).map_or(built_in, Span::get);
    let maybe = |own: Option<OrOff<Span>>, default: Option<OrOff<Span>>, built_in: Option<Duration>| {
        own.or(default).map_or(built_in, |span| span.on().map(Span::get))
    };
    let body = settings.body_limit.or(config.defaults.body_limit).unwrap_or(OrOff::On(Bytes::mib(10)));
    Bounds {
        connect: span(own.connect, defaults.connect, Duration::from_secs(5)),
        first_byte: span(own.first_byte, defaults.first_byte, Duration::from_secs(30)),
        between_bytes: maybe(own.between_bytes, defaults.between_bytes, Some(Duration::from_secs(60))),
        request: maybe(own.request, defaults.request, None),
        body: body.on().map(Bytes::get),
        retries: settings.retries,
    }
}

fn fields(settings: &HeaderRules) -> FieldRules {
    let set = |(name, value): (&String, &String)| {
        Some((HeaderName::try_from(name.as_str()).ok()?, HeaderValue::try_from(value.as_str()).ok()?))
    };
    FieldRules {
        remove: settings.remove.iter().filter_map(|name| HeaderName::try_from(name.as_str()).ok()).collect(),
        set: settings.set.iter().filter_map(set).collect(),
    }
}
