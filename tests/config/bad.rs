//! One thing wrong in a good config: what is told, where, and what to do. The answers stand in `bad.txt`, which
//! `UPDATE=1` rewrites; whoever does so reads the difference.

use super::{GOOD, faults, lines, with};
use std::fmt::Write as _;

const ROUTE: &str = "path: /orders/**, upstream: orders }";
const POLICY: &str = "scopes: [orders.read]";
const AUDIENCES: &str = "audiences: [https://api.example.com]";
const LISTENER: &str = "address: 127.0.0.1:8080, plaintext: true }";
const UPSTREAM: &str = "endpoints: [https://orders.internal]";
const DEFAULTS: &str = "defaults: { policy: api }";
const VERSION: &str = "version: 1";

/// What is replaced, and by what; `~` stands for what was there.
const CASES: &[&[(&str, &str)]] = &[
    // the types
    &[(VERSION, "version: 2")],
    &[("policies:", "polices:")],
    &[(VERSION, "~\nadmin: { address: localhost }")],
    &[(VERSION, "~\nadmin: { address: 9901 }")],
    &[(VERSION, "~\nadmin: { address: 'http://127.0.0.1:9901/' }")],
    &[("127.0.0.1:8080", "0.0.0.0")],
    &[("127.0.0.1:8080", "':8080'")],
    &[("127.0.0.1:8080", "'8080'")],
    &[("127.0.0.1:8080", "'::1'")],
    &[("127.0.0.1:8080", "'fe80::1%lo:8080'")],
    &[("127.0.0.1:8080", "127.0.0.1:80800")],
    &[("127.0.0.1:8080", "https://127.0.0.1:8080")],
    // the text
    &[("  - { name: public,", "\t- { name: public,")],
    &[("  orders: { endpoints", "\torders: { endpoints")],
    &[("issuers:", "~\n  corp: { issuer: https://other.example, audiences: [b] }")],
    &[("name: public,", "~ name: other,")],
    &[(DEFAULTS, "~\nversion: 1")],
    // references and names
    &[(ROUTE, "path: /orders/**, upstream: oders }")],
    &[(ROUTE, "path: /orders/**, upstream: orders, policy: ap }")],
    &[(DEFAULTS, "defaults: { policy: apis }")],
    &[(ROUTE, "path: /orders/**, upstream: orders, shadow: ap }")],
    &[(ROUTE, "path: /orders/**, upstream: orders, shadow: api }")],
    &[(ROUTE, "path: /orders/**, upstream: orders, shadow: api, access: open }")],
    &[(VERSION, "~\ntelemetry: { audit: { file: a, events: [], sync_every: 1m, keep: 2, otlp_logs: true } }")],
    &[(VERSION, "~\ntelemetry: { audit: { file: a, key: { file: k }, keep: 0 } }")],
    &[(VERSION, "~\ntelemetry: { audit: { file: a, key: { env: PATH } } }\nadmin: { audit: { file: ./b/../a } }")],
    &[(VERSION, "~\ntelemetry: { audit: { file: a, key: { env: PATH } }, access_log: { file: ./a } }")],
    &[(VERSION, "~\ngateway: { state_dir: /no/dir }\ntelemetry: { records: { directory: /no/dir/revocations/ } }")],
    &[(POLICY, "issuers: [corb]")],
    &[(ROUTE, "~\n  - { name: orders, path: /b, upstream: orders }")],
    &[("name: public", "name: a b")],
    &[(LISTENER, "~\n  - { name: public, address: 127.0.0.1:8081, plaintext: true }")],
    &[(LISTENER, "~\n  - { name: other, address: 127.0.0.1:8080, plaintext: true }")],
    &[(LISTENER, "~\nadmin: { address: 127.0.0.1:8080 }")],
    &[("policies:", "~\n  spare: {}")],
    &[("upstreams:", "~\n  spare: { endpoints: [https://spare.internal] }")],
    &[("issuers:", "~\n  spare: { issuer: https://spare.example, audiences: [a] }"), (POLICY, "issuers: [corp]")],
    // the gateway as a whole
    &[(VERSION, "~\ngateway: { name: a b }")],
    &[(VERSION, "~\ngateway: { realm: 'a\"b' }")],
    &[(VERSION, "~\ngateway: { problem_base: /problems/ }")],
    &[(VERSION, "~\ngateway: { problem_base: https://a.example/problems }")],
    &[(VERSION, "~\ngateway: { exposure: full }"), (LISTENER, "address: 0.0.0.0:8080, plaintext: true }")],
    &[(VERSION, "~\ngateway: { trusted_proxies: [0.0.0.0/0] }")],
    &[(VERSION, "~\ngateway: { max_loops: 0 }")],
    &[(VERSION, "~\nlimits: { token_bytes: 17KiB, header_field: 20KiB }")],
    &[(VERSION, "~\nlimits: { header_field: 33KiB }")],
    &[(VERSION, "~\nlimits: { requests: 0 }")],
    &[(VERSION, "~\ntelemetry: { sample: 1.0 }"), (LISTENER, "address: 0.0.0.0:8080, plaintext: true }")],
    &[(VERSION, "~\ntelemetry: { otlp: { endpoint: http://127.0.0.1:4317, headers: { 'a b': c } } }")],
    &[(VERSION, "~\ntelemetry: { records: { max_records: 8, max_age: 0s } }")],
    &[
        (VERSION, "~\ntelemetry: { records: { directory: /var/lib/records, admissions: 0.5 } }"),
        (LISTENER, "address: 0.0.0.0:8080, plaintext: true }"),
    ],
    &[(VERSION, "~\ntelemetry: { tenants: { claim: email, names: [a, b], most: 1 } }")],
    &[(VERSION, "~\ntelemetry: { tenants: { claim: iss, most: 500 } }")],
    &[(VERSION, "~\ntelemetry: { secret_parameters: [pin, '42'] }")],
    &[(VERSION, "~\nadmin: { address: 0.0.0.0:9901 }")],
    &[(VERSION, "~\nadmin: { address: 0.0.0.0:9901, token: { env: ADMIN } }")],
    &[(
        VERSION,
        "~\nadmin: { tls: { certificates: [{ cert: a.crt, key: a.key }], client_certificates: { ask: required, trust: any } } }",
    )],
    // listeners
    &[(LISTENER, "address: 0.0.0.0:8080, plaintext: true }")],
    &[(LISTENER, "address: 127.0.0.1:8080, plaintext: true, proxy_protocol: { trusted: [] } }")],
    &[(LISTENER, "address: 127.0.0.1:8080, tls: { certificates: [{ cert: no.crt, key: no.key }] } }")],
    &[(
        LISTENER,
        "address: 127.0.0.1:8080, tls: { certificates: [{ cert: no.crt, key: no.key }], client_certificates: { ask: optional, trust: { ca: [no-ca.crt] } } } }",
    )],
    &[(
        LISTENER,
        "address: 127.0.0.1:8080, tls: { certificates: [{ cert: no.crt, key: no.key }], client_certificates: { ask: optional, trust: { ca: [] } } } }",
    )],
    &[(
        LISTENER,
        "address: 127.0.0.1:8080, tls: { certificates: [{ cert: no.crt, key: no.key }], client_certificates: { ask: always, trust: any } } }",
    )],
    // issuers and revocation
    &[(AUDIENCES, "~, leeway: 6m")],
    &[(AUDIENCES, "~, revocable_claims: [email, '']")],
    &[(AUDIENCES, "~, revocable_claims: [a, b, c, d, e, f, g, h, i]")],
    &[(AUDIENCES, "audiences: any")],
    &[(AUDIENCES, "audiences: []")],
    &[(AUDIENCES, "~, algorithms: [RS256, HS256]")],
    &[(AUDIENCES, "~, keys: { secret: { env: S } }")],
    &[(AUDIENCES, "~, keys: { file: no.json }, ca: no.crt")],
    &[(AUDIENCES, "~, max_stale: 1m")],
    &[("https://id.example.com,", "http://id.example.com,")],
    &[("issuers:", "~\n  twin: { issuer: https://id.example.com, audiences: [a] }")],
    &[(VERSION, "~\nrevocation: { sources: { list: { kind: file, issuer: corpo, path: Cargo.toml } } }")],
    &[(
        VERSION,
        "~\nrevocation: { sources: { feed: { kind: poll, issuer: corp, url: http://a.example/, interval: 1ms } } }",
    )],
    &[("https://id.example.com,", "https://10.0.0.1,")],
    &[(
        VERSION,
        "~\nrevocation: { sources: { out: { kind: backchannel_logout, issuer: corp, client_ids: [], door: { rate: 0 } } } }",
    )],
    &[(
        VERSION,
        "~\nrevocation: { sources: { one: { kind: keycloak_not_before, issuer: corp, clients: [a], door: { path: /x/../y } } } }",
    )],
    &[(
        VERSION,
        "~\nrevocation:\n  sources:\n    one: { kind: backchannel_logout, issuer: corp, client_ids: [a], door: { path: /x } }\n    two: { kind: global_token_revocation, issuer: corp, audiences: [a], callers: [b], door: { path: /x } }",
    )],
    &[(
        VERSION,
        "~\nrevocation: { sources: { all: { kind: global_token_revocation, issuer: corp, audiences: [a] }, some: { kind: global_token_revocation, issuer: corp, audiences: [a], types: strict } } }",
    )],
    &[(
        VERSION,
        "~\nrevocation: { sources: { out: { kind: backchannel_logout, issuer: corp, client_ids: [a], retain: 1h }, long: { kind: backchannel_logout, issuer: corp, client_ids: [b], retain: 'off' } } }",
    )],
    // the channel between instances
    &[(VERSION, "~\nrevocation: { fleet: { redis: { urls: [redis://127.0.0.1] } } }")],
    &[(
        VERSION,
        "~\ntelemetry: { hash_key: { env: K } }\nrevocation: { fleet: { redis: { urls: [redis://cache] }, issuers: [corb] } }",
    )],
    &[(
        VERSION,
        "~\ntelemetry: { hash_key: { env: K } }\nrevocation: { fleet: { redis: { urls: [rediss://a, 'redis://u:p@b'], timeout: 1ms, service: x, cert: no.crt }, prefix: '{x}', max_staleness: 1s, queue: 0, max_length: 1 } }",
    )],
    &[(
        VERSION,
        "~\ntelemetry: { hash_key: { env: K } }\nrevocation: { fleet: { redis: { urls: [], topology: sentinel, username: x, ca: no-ca.crt } }, sources: { fleet: { kind: file, issuer: corp, path: Cargo.toml } } }",
    )],
    &[(
        VERSION,
        "~\nrevocation: { sources: { one: { kind: ssf, issuer: corp, algorithms: [HS256], delivery: { poll: { interval: 1ms, max_events: 0 } } } } }",
    )],
    &[(
        VERSION,
        "~\nrevocation:\n  sources:\n    one: { kind: ssf, issuer: corp, stream: {}, subjects: { claims: { email: mail } }, delivery: { push: { url: https://api.example.com/x } } }",
    )],
    &[(POLICY, "revocation: { on_stale: allow }")],
    // upstreams
    &[(UPSTREAM, "endpoints: []")],
    &[(UPSTREAM, "endpoints: [https://a, https://a]")],
    &[(UPSTREAM, "~, balance: { kind: sticky_cookie, cookie: 'a b' }")],
    &[(UPSTREAM, "~, health: { path: healthz }")],
    &[(UPSTREAM, "endpoints: [http://10.0.0.7]"), (ROUTE, "path: /a, forward_token: true, upstream: orders }")],
    // policies
    &[(POLICY, "token: { require: [subject] }")],
    &[(POLICY, "token: { require: [auth-time] }")],
    &[(POLICY, "audiences: []")],
    &[(POLICY, "scopes: ['orders.read orders.write']")],
    &[(POLICY, "claims: [{ claim: a..b, any_of: [] }]")],
    &[(POLICY, "token: { max_age: 2d }")],
    &[(POLICY, "token: { max_lifetime: off }")],
    // sessions
    &[(POLICY, "session: { idle: 0s, absolute: 500ms }, step_up: { auth_age: 10ms }")],
    &[(POLICY, "session: { idle: 31d }")],
    &[(POLICY, "session: { idle: 9h, absolute: 8h }, token: { require: [auth_time] }")],
    &[(POLICY, "session: { absolute: 8h }")],
    &[(POLICY, "session: { idle: 15m }")],
    &[(DEFAULTS, "defaults: { policy: api, session: { idle: 15m } }")],
    &[(POLICY, "when: [{ if: { clients: [a] }, session: { idle: 5m } }]")],
    &[(POLICY, "preset: pci-dss-4.0.1")],
    &[
        (POLICY, "session: { idle: 15m, absolute: off }"),
        (ROUTE, "path: /orders/**, upstream: orders, activity: none }"),
    ],
    &[(POLICY, "session: { idle: 15m, absolute: off, warn_before: 5m, extend: allow }")],
    &[(POLICY, "session: { absolute: 8h, warn_before: 8h }, token: { require: [auth_time] }")],
    &[
        (VERSION, "~\nsessions: { door: { route: orders } }"),
        (POLICY, "session: { idle: 2m, absolute: off, extend: allow }"),
    ],
    &[
        (POLICY, "session: { idle: 15m, absolute: off, warn_before: 15m }"),
        (ROUTE, "path: /orders/**, upstream: orders, session_headers: true }"),
    ],
    &[(POLICY, "session: { absolute: 8h, jitter: 8h }, token: { require: [auth_time] }")],
    &[(POLICY, "session: { jitter: 1m }")],
    &[(POLICY, "session: { idle_jitter: 1m }")],
    &[(POLICY, "session: { idle: 15m, idle_jitter: 8m }")],
    &[(POLICY, "session: { idle: 15m, idle_jitter: 2m }, when: [{ if: { acr: [a] }, session: { idle: 3m } }]")],
    &[(POLICY, "step_up: { acr: [] }")],
    &[(POLICY, "step_up: { acr: ['gold silver', ''] }")],
    &[(POLICY, "session: { absolute: 1h }, step_up: { auth_age: 1h }, token: { require: [auth_time] }")],
    &[(VERSION, "~\nsessions: { on_full: introspect }"), (POLICY, "session: { idle: 15m }")],
    &[(VERSION, "~\nsessions: { on_full: introspect }")],
    &[(VERSION, "~\nsessions: { max: 0, remember: 10m }"), (POLICY, "session: { idle: 15m }")],
    &[(VERSION, "~\nsessions: { state: redis, prefix: 'a b', look_up: 0s }"), (POLICY, "session: { idle: 15m }")],
    &[
        (VERSION, "~\nsessions: { state: redis, redis: { urls: [redis://cache:6379] }, interval: 10m, look_up: 2s }"),
        (POLICY, "session: { idle: 15m, on_state_loss: allow }"),
    ],
    &[
        (VERSION, "~\nsessions: { redis: { urls: [redis://localhost:6379] } }"),
        (POLICY, "session: { idle: 15m, on_state_loss: local }"),
    ],
    &[
        (DEFAULTS, "defaults: { policy: api, session: { idle: 15m, on_state_loss: deny } }"),
        (POLICY, "session: { on_state_loss: local }"),
    ],
    &[
        (DEFAULTS, "defaults: { policy: api, session: { idle: 15m, unidentified: deny }, step_up: { acr: [gold] } }"),
        (POLICY, "session: { idle: off, unidentified: token }, step_up: { acr: [gold, silver] }"),
    ],
    &[(ROUTE, "path: /orders/**, upstream: orders, activity: users }")],
    &[(POLICY, "token: { dpop: on, dpop_max_age: 10m }")],
    &[(POLICY, "token: { dpop_max_age: 6m }")],
    &[(POLICY, "token: { dpop_max_age: 0s }")],
    &[(POLICY, "token: { dpop: off, dpop_nonce: required, dpop_nonce_max_age: 2h }")],
    &[(VERSION, "~\ngateway: { nonce_keys: [{ file: no.key }] }")],
    &[(POLICY, "token: { dpop: required, mtls: required }")],
    &[(POLICY, "token: { mtls: required }")],
    // rules
    &[(POLICY, "token: { max_age: 15m }, when: [{ if: { clients: [a] }, token: { max_age: 1h } }]")],
    &[(POLICY, "token: { max_age: 15m }, when: [{ if: { clients: [a] }, token: { max_age: off } }]")],
    &[
        (DEFAULTS, "defaults: { policy: api, session: { idle: 15m } }"),
        (POLICY, "when: [{ if: { clients: [a] }, session: { idle: 16m }, token: { max_lifetime: 25h } }]"),
    ],
    &[(POLICY, "token: { max_age: 15m }, when: [{ if: { clients: [a] }, token: { max_age: 15m } }]")],
    &[(
        POLICY,
        "token: { max_age: 15m }, when: [{ if: { clients: [a] }, token: { max_age: 5m }, relax: { fields: [token.max_age, session.idle, token.dpop], reason: ' ' } }]",
    )],
    &[(POLICY, "when: [{ if: { clients: [a] }, token: { max_age: 5m }, relax: { fields: [], reason: b } }]")],
    &[(POLICY, "when: [{ if: { clients: [a] } }, { if: {}, token: { max_age: 5m } }]")],
    &[(
        POLICY,
        "when: [{ if: { claims: [{ claim: a..b, present: true }, { claim: c }, { claim: d, any_of: [] }, { claim: e, equals: 1, present: true }, { claim: iss, equals: x }, { claim: exp, present: true }] }, token: { max_age: 5m } }]",
    )],
    &[(
        POLICY,
        "when: [{ if: { clients: [], acr: [], networks: [], outside: [], issuers: [] }, token: { max_age: 5m } }]",
    )],
    &[(POLICY, "when: [{ if: { clients: [a, a], networks: [10.0.0.0/8, 10.1.0.0/16] }, token: { max_age: 5m } }]")],
    &[(POLICY, "when: [{ if: { issuers: [corb] }, token: { max_age: 5m } }]")],
    &[
        ("issuers:", "~\n  other: { issuer: https://other.example, audiences: [a] }"),
        (DEFAULTS, "defaults: { policy: api }"),
        (POLICY, "issuers: [corp], when: [{ if: { issuers: [other] }, token: { max_age: 5m } }]"),
    ],
    &[(POLICY, "when: [{ if: { networks: [10.1.0.0/16], outside: [10.0.0.0/8] }, token: { max_age: 5m } }]")],
    &[(
        POLICY,
        "when: [{ if: { claims: [{ claim: a, present: false }, { claim: a, equals: 1 }] }, token: { max_age: 5m } }]",
    )],
    &[(
        POLICY,
        "when: [{ if: { clients: [a, b] }, token: { max_age: 5m } }, { if: { clients: [a], networks: [10.0.0.0/8] }, token: { max_age: 6m } }]",
    )],
    &[(
        POLICY,
        "when: [{ if: { clients: [a] }, token: { max_age: 5m } }, { if: { clients: [a] }, token: { max_age: 4m } }]",
    )],
    &[(
        POLICY,
        "step_up: { acr: [gold, silver] }, when: [{ if: { clients: [a] }, step_up: { acr: [gold, bronze] } }, { if: { clients: [b] }, step_up: { acr: [silver, gold] } }, { if: { acr: [bronze] }, token: { max_age: 5m } }]",
    )],
    &[(
        POLICY,
        "step_up: { acr: [gold, silver] }, when: [{ if: { clients: [a] }, step_up: { acr: [gold] } }, { if: { networks: [10.0.0.0/8] }, step_up: { acr: [silver] } }, { if: { clients: [b] }, step_up: { acr: [gold] }, relax: { fields: [step_up.acr], reason: b } }]",
    )],
    &[(POLICY, "when: [{ if: { clients: [a] }, session: { idle: 0s }, step_up: { acr: ['a b'] } }]")],
    &[(
        POLICY,
        "session: { idle: 1h }, when: [{ if: { clients: [a] }, session: { idle: 31d }, relax: { fields: [session.idle], reason: b } }]",
    )],
    // presets
    &[(POLICY, "preset: pci-dss")],
    &[(POLICY, "preset: pci-dss-4.0.1, session: { idle: 16m }")],
    &[(POLICY, "preset: pci-dss-4.0.1, session: { idle: off }")],
    &[(
        POLICY,
        "preset: pci-dss-4.0.1, when: [{ if: { clients: [a] }, session: { idle: 1h }, relax: { fields: [session.idle], reason: b } }, { if: { clients: [b] }, session: { idle: off }, relax: { fields: [session.idle], reason: b } }]",
    )],
    &[(POLICY, "preset: bearer-baseline, token: { max_lifetime: 2h }"), (AUDIENCES, "~, leeway: 2m")],
    &[(POLICY, "preset: asvs-5-l3, revocation: { on_stale: allow }")],
    &[(POLICY, "preset: banking-strict, token: { require: [auth_time], dpop: required }, step_up: { auth_age: 6m }")],
    // what guards a route
    &[(DEFAULTS, "defaults: {}")],
    &[(ROUTE, "~\n  - { name: open, path: /b, upstream: orders, access: open, policy: api }")],
    &[("issuers:\n  corp: { issuer: https://id.example.com, audiences: [https://api.example.com] }", "issuers: {}")],
    &[("routes:\n  - { name: orders, path: /orders/**, upstream: orders }", "routes: []")],
    // patterns
    &[(
        ROUTE,
        "~\n  - { name: twin, path: /orders/**, methods: [GET], upstream: orders }\n  - { name: triplet, path: /orders/**, upstream: orders }",
    )],
    &[(ROUTE, "hosts: ['*', a.b:80, 'https://a.b', 'a.*.b', 'a b'], path: /a, upstream: orders }")],
    &[(ROUTE, "hosts: [a.b, A.b], path: /a, upstream: orders }")],
    &[(ROUTE, "methods: [get], path: /a, upstream: orders }")],
    &[(ROUTE, "methods: ['G T', POST, POST], path: /a, upstream: orders }")],
    &[(ROUTE, "path: orders, upstream: orders }")],
    &[(ROUTE, "path: /a?b, upstream: orders }")],
    &[(ROUTE, "path: /a/*, upstream: orders }")],
    &[(ROUTE, "path: /a/**/b, upstream: orders }")],
    &[(ROUTE, "path: '/a/x{id}', upstream: orders }")],
    &[(ROUTE, "path: '/{id}/{id}', upstream: orders }")],
    &[(ROUTE, "path: /a//b, upstream: orders }")],
    &[(ROUTE, "path: /a/../b, upstream: orders }")],
    &[(ROUTE, "path: /%61, upstream: orders }")],
    // reach
    &[(
        ROUTE,
        "path: /a/**, upstream: orders }\n  - { name: b, path: /a, upstream: orders }\n  - { name: c, path: /a/, upstream: orders }\n  - { name: d, path: '/a/{x}/**', upstream: orders }",
    )],
    &[(
        ROUTE,
        "path: /a, methods: [], upstream: orders }\n  - { name: b, path: /a, methods: [GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE], upstream: orders }",
    )],
    &[(ROUTE, "~\n  - { name: docs, path: /orders/docs/**, upstream: orders, access: open }")],
    // header fields and cookies
    &[(
        ROUTE,
        "path: /a, upstream: orders, headers: { request: { set: { Transfer-Encoding: chunked, authorization: Bearer x } } } }",
    )],
    &[(ROUTE, "path: /a, upstream: orders, headers: { request: { set: { X-A: \"a\\nb\" } } } }")],
    &[(ROUTE, "path: /a, upstream: orders, headers: { response: { remove: [Content-Length, 'a b', X-A, x-a] } } }")],
    &[(ROUTE, "path: /a, upstream: orders, headers: { response: { set: { X-A: b }, remove: [x-a] } } }")],
    &[(ROUTE, "path: /a, upstream: orders, headers: { request: { set: { curfew-subject: root } } } }")],
    &[(ROUTE, "path: /a, upstream: orders, identity: { Host: sub, X-Forwarded-For: sub, X-A: '' } }")],
    &[(ROUTE, "path: /a, upstream: orders, token: { cookie: 'a;b' } }")],
    // only tighter
    &[(DEFAULTS, "defaults: { policy: api, token: { max_age: 15m } }"), (POLICY, "token: { max_age: 1h }")],
    &[(DEFAULTS, "defaults: { policy: api, token: { max_age: 15m } }"), (POLICY, "token: { max_age: off }")],
    &[
        (DEFAULTS, "defaults: { policy: api, token: { dpop: required, dpop_max_age: 10s } }"),
        (POLICY, "token: { dpop: optional, dpop_max_age: 20s }"),
    ],
    &[
        (DEFAULTS, "defaults: { policy: api, token: { dpop_nonce: required, dpop_nonce_max_age: 1m } }"),
        (POLICY, "token: { dpop_nonce: off, dpop_nonce_max_age: 2m }"),
    ],
    &[(DEFAULTS, "defaults: { policy: api, token: { mtls: required } }"), (POLICY, "token: { mtls: optional }")],
    &[
        (DEFAULTS, "defaults: { policy: api, revocation: { on_stale: deny } }"),
        (POLICY, "revocation: { on_stale: allow }"),
    ],
    &[
        (DEFAULTS, "defaults: { policy: api, body_limit: 1MiB, timeouts: { request: 10s } }"),
        (ROUTE, "path: /a, upstream: orders, body_limit: off, timeouts: { request: 11s } }"),
    ],
    &[(POLICY, "token: { max_age: 1h }, relax: { fields: [token.max_age, token.max-age], reason: ' ' }")],
    &[(ROUTE, "path: /a, upstream: orders, relax: { fields: [token.max_age], reason: b } }")],
    &[(ROUTE, "path: /a, upstream: orders, relax: { fields: [], reason: b } }")],
];

#[test]
fn the_good_one_is_good() {
    assert_eq!(lines(&faults(GOOD)), Vec::<String>::new());
}

#[test]
fn each_thing_wrong_is_told_in_its_place() {
    let mut told = String::new();
    for case in CASES {
        let text = case.iter().fold(GOOD.to_owned(), |text, (from, to)| with(&text, from, &to.replace('~', from)));
        for (_, to) in *case {
            writeln!(told, "# {}", to.replace('\n', "\n# ")).unwrap();
        }
        let lines = lines(&faults(&text));
        assert!(!lines.is_empty(), "nothing is told about {case:?}");
        assert!(
            lines.iter().all(|line| (!line.ends_with("· ") || line.contains(": write ")) && !line.starts_with('-')),
            "advice and place: {lines:#?}"
        );
        writeln!(told, "{}\n", lines.join("\n")).unwrap();
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/bad.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &told).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (told, golden) in told.split("\n\n").zip(golden.split("\n\n")) {
        assert_eq!(told, golden);
    }
    assert_eq!(told.len(), golden.len());
}
