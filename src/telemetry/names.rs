//! Every name under which something is told, once: attributes of spans, and metrics.

/// Attributes of spans: the stable ones of OpenTelemetry's HTTP conventions, and Curfew's own.
pub mod attribute {
    #![allow(missing_docs, reason = "the name is the documentation")]
    pub const METHOD: &str = "http.request.method";
    pub const METHOD_ORIGINAL: &str = "http.request.method_original";
    pub const RESEND_COUNT: &str = "http.request.resend_count";
    pub const STATUS: &str = "http.response.status_code";
    pub const HTTP_ROUTE: &str = "http.route";
    pub const URL_PATH: &str = "url.path";
    pub const URL_QUERY: &str = "url.query";
    pub const URL_SCHEME: &str = "url.scheme";
    pub const URL_FULL: &str = "url.full";
    pub const ERROR_TYPE: &str = "error.type";
    pub const PROTOCOL: &str = "network.protocol.name";
    pub const PROTOCOL_VERSION: &str = "network.protocol.version";
    pub const PEER_ADDRESS: &str = "network.peer.address";
    pub const PEER_PORT: &str = "network.peer.port";
    pub const CLIENT_ADDRESS: &str = "client.address";
    pub const SERVER_ADDRESS: &str = "server.address";
    pub const SERVER_PORT: &str = "server.port";
    pub const USER_AGENT: &str = "user_agent.original";

    pub const DECISION: &str = "curfew.decision";
    pub const REASON: &str = "curfew.reason";
    pub const ROUTE: &str = "curfew.route";
    pub const POLICY: &str = "curfew.policy";
    pub const SHADOW_POLICY: &str = "curfew.shadow.policy";
    pub const SHADOW_REASON: &str = "curfew.shadow.reason";
    pub const REVISION: &str = "curfew.config.revision";
    pub const JUDGE: &str = "curfew.judge.duration_us";
    pub const GOOD_FOR: &str = "curfew.good_for_s";
    pub const ISSUER: &str = "curfew.issuer";
    pub const KEY: &str = "curfew.token.kid";
    pub const ALGORITHM: &str = "curfew.token.alg";
    pub const TOKEN: &str = "curfew.token.jti_hash";
    pub const SUBJECT: &str = "curfew.token.sub_hash";
    pub const SESSION: &str = "curfew.session.id_hash";
    pub const SESSION_AGE: &str = "curfew.session.age_s";
    pub const SESSION_IDLE: &str = "curfew.session.idle_s";
    pub const CLIENT: &str = "curfew.client.id_hash";
    pub const TOKEN_AGE: &str = "curfew.token.age_s";
    pub const TOKEN_TTL: &str = "curfew.token.ttl_s";
    pub const REVOCATION_SOURCE: &str = "curfew.revocation.source";
    pub const REVOCATION_LAG: &str = "curfew.revocation.lag_s";
    pub const REVOCATION_ENTRY_AGE: &str = "curfew.revocation.entry_age_s";
    pub const FEED_STALENESS: &str = "curfew.feed.staleness_s";
    pub const UPSTREAM: &str = "curfew.upstream";
    pub const ENDPOINT: &str = "curfew.upstream.endpoint";
    pub const ATTEMPTS: &str = "curfew.upstream.attempts";
    pub const FAILURE: &str = "curfew.upstream.failure";

    pub const UNTRUSTED_ISSUER: &str = "curfew.untrusted.iss";
    pub const UNTRUSTED_SUBJECT: &str = "curfew.untrusted.sub_hash";
    pub const UNTRUSTED_TOKEN: &str = "curfew.untrusted.jti_hash";
    pub const UNTRUSTED_EXPIRES: &str = "curfew.untrusted.exp";
    pub const UNTRUSTED_ISSUED: &str = "curfew.untrusted.iat";
    pub const UNTRUSTED_KEY: &str = "curfew.untrusted.kid";
    pub const UNTRUSTED_ALGORITHM: &str = "curfew.untrusted.alg";

    /// The event of one question.
    pub const CHECK: &str = "curfew.check";
    pub const CHECK_NAME: &str = "curfew.check.name";
    pub const CHECK_OUTCOME: &str = "curfew.check.outcome";
    pub const CHECK_REASON: &str = "curfew.check.reason";
    pub const CHECK_SUBJECT: &str = "curfew.check.subject";
    pub const CHECK_MEASURED: &str = "curfew.check.measured";
    pub const CHECK_ALLOWED: &str = "curfew.check.allowed";
    pub const CHECK_DISTANCE: &str = "curfew.check.distance_ms";
    pub const CHECK_LEEWAY: &str = "curfew.check.leeway_ms";
    pub const CHECK_ORIGIN: &str = "curfew.check.origin";
    pub const CHECK_GOOD_FOR: &str = "curfew.check.good_for_ms";
    pub const CHECK_TEXT: &str = "curfew.check.text";
}

/// A metric: its name without the suffix that its kind adds, and what it says.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// What it says, without the full stop, which the encoder adds.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($id:ident = $name:literal, $help:literal;)*) => {
        /// The metrics, each once.
        pub mod metric {
            use super::Metric;
            $(#[doc = $help] pub const $id: &Metric = &Metric { name: $name, help: $help };)*
            /// All of them.
            pub const ALL: &[&Metric] = &[$($id,)*];
        }
    };
}

metrics! {
    DECISIONS = "curfew_decisions", "Decisions by outcome, reason, route and issuer";
    SHADOW_REFUSALS = "curfew_shadow_refusals", "Requests that were admitted and that the route's shadow policy would have refused";
    STREAMS_TERMINATED = "curfew_streams_terminated", "Answers and streams that were cut short after they had begun, by reason";
    SERVER_DURATION = "http_server_request_duration_seconds", "Duration of requests, to the end of the answer";
    JUDGE_DURATION = "curfew_judge_duration_seconds", "Duration of gathering the evidence and judging it";
    UPSTREAM_DURATION = "curfew_upstream_duration_seconds", "Duration of deliveries, to the end of the answer";
    UPSTREAM_FAILURES = "curfew_upstream_failures", "Attempts to deliver that failed, by endpoint and failure (a word of RFC 9209 §2.3), those that a retry healed included";
    UPSTREAM_HEALTHY = "curfew_upstream_endpoint_healthy", "Whether an endpoint of an upstream is used: not ejected, not ill, and its name resolved";
    IN_FLIGHT = "curfew_requests_in_flight", "Requests that are being worked on";
    CLOCK_SKEW = "curfew_issuer_clock_skew_seconds", "Gateway clock minus iat at the first sight of tokens at most a minute old, negative if the issuer is ahead";
    RENEWALS = "curfew_renewals", "Sessions that went on with a newer token (ahead of a refusal, late), or whose client came with an old one for 30 s after that was refused (failed)";
    RENEWAL_DURATION = "curfew_renewal_duration_seconds", "Time from the first refusal of a token that was over to the first admission with a newer one of its session";
    SESSION_DURATION = "curfew_session_duration_seconds", "Time from the sign-in to the refusal that told the end of the session, once for each sign-in, by cause: idle, absolute, revoked";
    ISSUER_LEEWAY = "curfew_issuer_leeway_seconds", "By how much the clocks of the gateway and of the issuer may differ before good tokens are refused";
    TOKEN_AGE = "curfew_token_age_seconds", "How long ago verified tokens were issued, at each request, admitted or not";
    TOKEN_OVERDUE = "curfew_token_overdue_seconds", "How long ago expired tokens had expired: seconds where a client renews late, hours where nobody renews";
    DATE_SKEW = "curfew_issuer_date_skew_seconds", "Gateway clock minus the Date field of the issuer's last answer, negative if the issuer is ahead";
    JWKS_AGE = "curfew_jwks_age_seconds", "Time since the issuer's key set was last fetched";
    JWKS_LIMIT = "curfew_jwks_max_age_seconds", "The age of the key set from which on no token of the issuer is admitted; none where keys cannot age";
    REVOCATION_AGE = "curfew_revocation_age_seconds", "Time since the revocation source was last heard";
    REVOCATION_LIMIT = "curfew_revocation_max_age_seconds", "The age from which on what the revocation source said is stale; none where that is off";
    REVOCATION_LEVEL = "curfew_revocation_set_entries", "Entries of the revocation set by what they name";
    REVOCATION_BYTES = "curfew_revocation_set_bytes", "Memory that the entries of the revocation set take, free places included";
    REVOCATION_ENTRIES = "curfew_revocation_entries", "Entries that the revocation source has given";
    REVOCATION_MOST = "curfew_revocation_max_entries", "Entries that the revocation source may give; none where there is no bound";
    REVOCATION_COMPLETE = "curfew_revocation_complete", "1 if the gateway holds all that the revocation source said, 0 if not: then it is not fresh, however lately it was heard";
    JOURNAL_BYTES = "curfew_revocation_journal_bytes", "How long the files are in which revocations are kept";
    JOURNAL_RECORDS = "curfew_revocation_journal_records", "Records that were written to the journal of revocations";
    JOURNAL_FAILURES = "curfew_revocation_journal_failures", "Attempts to write the journal of revocations or a snapshot that failed";
    JOURNAL_SNAPSHOTS = "curfew_revocation_journal_snapshots", "Snapshots that were written in place of a long journal";
    JOURNAL_SYNC = "curfew_revocation_journal_sync_duration_seconds", "Time until the disk had what was written to the journal of revocations";
    JOURNAL_LOAD = "curfew_revocation_journal_load_seconds", "How long reading the journal of revocations took at the start";
    JOURNAL_RECOVERED = "curfew_revocation_journal_recovered_entries", "Entries that were read from the journal of revocations at the start";
    REVOCATION_EVENTS = "curfew_revocation_events", "Events that were sent to the revocation source, by outcome";
    REVOCATION_LAG = "curfew_revocation_apply_lag_seconds", "Time from an event to its enforcement, where its source says when it happened";
    REVOCATION_ANSWER = "curfew_revocation_event_duration_seconds", "Time from the arrival of an event to its answer";
    INTROSPECTION_ANSWERS = "curfew_introspection_answers", "Questions about tokens that were asked at the issuer, by what was learnt";
    INTROSPECTION_DURATION = "curfew_introspection_duration_seconds", "Time that questions at the issuer's introspection endpoint took";
    INTROSPECTION_CACHED = "curfew_introspection_cache_hits", "Questions about tokens whose answer was known";
    INTROSPECTION_UNASKED = "curfew_introspection_unasked", "Questions about tokens that were not asked, because too many were open, or the issuer is left alone";
    INTROSPECTION_ENTRIES = "curfew_introspection_cache_entries", "Answers about tokens that are kept";
    INTROSPECTION_PAUSED = "curfew_introspection_paused", "Whether the issuer is left alone for a while, because it failed too often";
    STATUS_LISTS = "curfew_status_lists", "Status lists that are held: each that the config names, and the others";
    STATUS_LIST_AGE = "curfew_status_list_age_seconds", "Time since the status list was last asked for and had; of the others, the oldest";
    STATUS_LIST_BYTES = "curfew_status_list_bytes", "Size of the status list, unpacked";
    STATUS_LIST_FAILURES = "curfew_status_list_failures", "Attempts to fetch the status list that failed";
    FLEET_CONNECTED = "curfew_fleet_connected", "Whether this instance has joined the fleet's channel";
    FLEET_POSITION = "curfew_fleet_position_timestamp_seconds", "Redis's time of the last entry of the fleet's stream that was read";
    FLEET_QUEUED = "curfew_fleet_queued", "Entries that wait to be told to the other instances";
    FLEET_WRITTEN = "curfew_fleet_written", "Entries that were told to the other instances, those told again included";
    FLEET_RESEEDS = "curfew_fleet_reseeds", "How often everything that is held was told again";
    FLEET_COMPACTIONS = "curfew_fleet_compactions", "How often this instance made the fleet's stream shorter";
    FLEET_FAILURES = "curfew_fleet_failures", "How often the fleet's channel was lost, or could not be had";
    FLEET_REFUSALS = "curfew_fleet_refusals", "How often this instance could not join, because its hash_key is another than the others'";
    FLEET_INSTANCES = "curfew_fleet_instances", "Instances of the fleet that are known here, by how far they have read what was told here: current, behind or silent";
    FLEET_BEHIND = "curfew_fleet_propagation_behind_entries", "Entries told here that the slowest known instance has not read";
    FLEET_BEHIND_FOR = "curfew_fleet_propagation_behind_seconds", "How long the first of these waits";
    AUDIT_LINES = "curfew_audit_lines", "Lines that were written to the audit log";
    AUDIT_DROPPED = "curfew_audit_dropped", "Lines of the audit log that found no place: in the queue, on the disk; or that were not sent on: to syslog, by OTLP";
    AUDIT_SENT = "curfew_audit_sent", "Lines of the audit log that were sent on: to syslog, to otlp";
    AUDIT_FAILURES = "curfew_audit_failures", "Attempts to write the audit log, or to have the disk keep it, that failed";
    AUDIT_CHAIN_BROKEN = "curfew_audit_chain_broken", "Whether the last line of the audit log did not hold at the start, 1 or 0: the file was changed, or its key was";
    AUDIT_REFUSED = "curfew_audit_refused", "What operators asked that was not done, since the audit log could not keep it";
    AUDIT_FILES_GONE = "curfew_audit_files_gone", "How often the audit log's file was removed, replaced or cut by somebody else while it was written";
    AUDIT_BYTES = "curfew_audit_file_bytes", "How long the audit log's file is that is written now";
    AUDIT_SYNC_AGE = "curfew_audit_sync_age_seconds", "Time since the audit log's file was last known to be on the disk, whether or not anything was written since";
    AUDIT_UNSYNCED = "curfew_audit_unsynced_seconds", "How long the first line of the audit log waits that is not known to be on the disk; 0 if none does";
    CONNECTIONS = "curfew_connections", "Connections accepted";
    CONNECTIONS_OPEN = "curfew_connections_open", "Connections that are open";
    CONNECTIONS_REFUSED = "curfew_connections_refused", "Connections that were not taken, by reason";
    HANDSHAKES_FAILED = "curfew_tls_handshakes_failed", "TLS handshakes that failed, by reason";
    RESUMPTIONS = "curfew_tls_resumptions", "TLS sessions that were resumed";
    CACHE_HITS = "curfew_token_cache_hits", "Tokens whose signature was found verified";
    CACHE_MISSES = "curfew_token_cache_misses", "Tokens whose signature had to be verified";
    SESSIONS = "curfew_sessions", "Sessions that are remembered";
    SESSIONS_BYTES = "curfew_sessions_bytes", "Memory that the remembered sessions take, free places included";
    SESSIONS_IDLE = "curfew_sessions_idle", "Remembered sessions whose user was not active here for as long as quiet says, when all were last looked through";
    SESSIONS_FORGOTTEN = "curfew_sessions_forgotten", "Sessions that were let go because no limit could need them any more";
    SESSIONS_CLEANUP = "curfew_sessions_cleanup_duration_seconds", "How long the last look through all remembered sessions worked, which lets those go that are over; its pauses left out";
    SESSIONS_CLEANUP_HOLD = "curfew_sessions_cleanup_hold_seconds", "The longest for which that look held up the requests of some sessions";
    SESSIONS_ENDED = "curfew_sessions_ended", "Sessions that ended by a limit, once for each sign-in, by reason";
    SESSIONS_UNKEPT = "curfew_sessions_not_kept", "How often a session found no room to be remembered";
    SESSIONS_VOUCHED = "curfew_sessions_vouched", "Requests of sessions without room about which their issuer was asked, by what it said: active, inactive, unknown";
    STORE_CONNECTED = "curfew_session_store_connected", "Whether the Redis in which instances share sessions is joined: 1 or 0";
    STORE_LOOKUPS = "curfew_session_store_lookups", "Sessions that a request waited for, by whether Redis answered: answered or unanswered";
    STORE_TOLD = "curfew_session_store_told", "How often what was seen of a session was written to Redis";
    STORE_QUEUED = "curfew_session_store_queued", "What waits to be written to Redis";
    STATE_LOST = "curfew_session_state_lost", "Requests judged while Redis could not tell of their session, by what the policy says then: deny, local or allow";
    CERTIFICATE_EXPIRY = "curfew_certificate_expiry_timestamp_seconds", "When a certificate of a listener ends, since the epoch";
    RELOADS = "curfew_config_reloads", "Reloads of the config by result";
    RELOAD_GOOD = "curfew_config_last_reload_successful", "Whether the last reload brought the config file into force: 1, also before the first, or 0";
    PENDING_RESTART = "curfew_config_pending_restart", "Blocks of the config that were loaded and wait for a restart";
    BUILD = "curfew_build_info", "The version that runs";
    STARTED = "process_start_time_seconds", "When the process was started, since the epoch";
    TASKS_DIED = "curfew_tasks_died", "Tasks beside the line that died of a fault of the gateway, and were begun anew; the log names them";
    MEMORY = "process_resident_memory_bytes", "How much memory the process has";
    CONFIG = "curfew_config_info", "The config that is in force";
    SPANS_EXPORTED = "curfew_spans_exported", "Spans that a collector has taken";
    SPANS_DROPPED = "curfew_spans_dropped", "Spans dropped because the collector was too slow, or away for too long";
    RECORDS_KEPT = "curfew_records_kept", "Decision records that can be asked for";
    RECORDS_OLDEST = "curfew_records_oldest_timestamp_seconds", "When the oldest decision record was made that can be asked for, since the epoch; 0 if there is none";
    RECORDS_BYTES = "curfew_records_bytes", "How long the files of decision records are";
    RECORDS_WRITTEN = "curfew_records_written", "Decision records that were kept";
    RECORDS_SKIPPED = "curfew_records_skipped_files", "Files of decision records that could not be read at the start: they were passed over, and stay where they are";
    RECORDS_DROPPED = "curfew_records_dropped", "Decision records that were not kept, by why: the queue was full, or the disk did not take them";
    LINES_DROPPED = "curfew_access_log_lines_dropped", "Lines of the access log dropped because its output was too slow";
    LINES_UNWRITTEN = "curfew_access_log_lines_unwritten", "Lines of the access log lost because its output failed: the disk is full, the directory gone";
}
