//! A start that fails says what was wrong, which setting asked for it and where that stands, and what to do.

use crate::support::authority::Authority;
use crate::support::gateway::free_port;
use crate::support::mint::Mint;
use std::fs;
use std::net::TcpListener;
use std::process::Command;

/// One thing that is wrong: what is replaced in a good config, by what, and what is told of it.
type Case = (&'static str, String, &'static [&'static str]);

#[test]
fn what_keeps_it_from_starting_is_told_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path().display().to_string();
    Authority::get().server(dir.path(), "server", &["localhost"]);
    fs::write(dir.path().join("corp.json"), Mint::get().corp_keys().to_string()).unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, admin, used) = (free_port(), free_port(), taken.local_addr().unwrap().port());
    let text = format!(
        "version: 1
admin: {{ address: 127.0.0.1:{admin} }}
gateway: {{ workers: 1 }}
telemetry: {{ log: {{ level: info }} }}
listeners:
  - name: public
    address: 127.0.0.1:{port}
    tls: {{ certificates: [{{ cert: {d}/server.crt, key: {d}/server.key }}] }}
issuers:
  corp: {{ issuer: 'https://corp.example.com', audiences: [api], keys: {{ file: {d}/corp.json }} }}
upstreams:
  echo: {{ endpoints: ['https://127.0.0.1:9'] }}
policies:
  standard: {{ issuers: [corp] }}
routes:
  - {{ name: all, path: '/**', policy: standard, upstream: echo }}
"
    );
    let level = "log: { level: info }";
    let cases: Vec<Case> = vec![
        (
            "address: 127.0.0.1:P",
            format!("address: 127.0.0.1:{used}"),
            &["listener `public`", ":7:14: listeners[0].address", "another process listens there"],
        ),
        (
            "admin: { address: 127.0.0.1:A",
            format!("admin: {{ address: 127.0.0.1:{used}"),
            &["the admin listener", ":2:19: admin.address", "another process listens there"],
        ),
        ("address: 127.0.0.1:P", "address: 192.0.2.1:443".into(), &[":7:14: listeners[0].address", "no interface"]),
        ("/server.crt", "/absent.crt".into(), &["absent.crt", ":8:5: listeners[0].tls"]),
        (
            "['https://127.0.0.1:9']",
            format!("['https://127.0.0.1:9'], tls: {{ ca: {d}/absent.crt }}"),
            &["upstream `echo`", "absent.crt", ": upstreams.echo.tls.ca"],
        ),
        (
            "keys: { file: D/corp.json }",
            format!("algorithms: [HS256], keys: {{ secret: {{ file: {d}/absent }} }}"),
            &[":10:3: issuers.corp", "/absent"],
        ),
        (level, format!("audit: {{ file: {d}/file/log }}"), &["/file/log", ": telemetry.audit.file"]),
        (level, format!("records: {{ directory: {d}/file/records }}"), &["/file/", ": telemetry.records.directory"]),
        (level, format!("access_log: {{ file: {d} }}"), &["the access log", ":4:14: telemetry.access_log"]),
        ("workers: 1", format!("state_dir: {d}/file/state"), &["/file/state", ": gateway.state_dir"]),
    ];
    for (from, to, told) in cases {
        let from =
            from.replace(":P", &format!(":{port}")).replace(":A", &format!(":{admin}")).replace("D/", &format!("{d}/"));
        assert!(text.contains(&from), "{from}");
        let config = dir.path().join("curfew.yaml");
        fs::write(&config, text.replace(&from, &to)).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_curfew")).arg("run").arg("-c").arg(&config).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.split_once("curfew: cannot start: ").map_or("", |(_, said)| said);
        assert!(
            !output.status.success() && said.contains("curfew.yaml:"),
            "{to}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        for words in told {
            assert!(said.contains(words), "{words}: {said}");
        }
        println!("{said}");
    }
}
