//! The whole demo: `--once` against a gateway that keeps its promises and against others, and the printed lines in a
//! real shell.

use super::understudy::{Playing, Slip, TRACE, start};
use crate::demo::run::{Options, Outcome, run};
use crate::demo::scenario::{Before, all};
use crate::state::clock::{Clock, SystemClock};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

/// Starts the understudy from where blocking is allowed, as the gateway is started.
fn starting(slip: Slip) -> impl FnOnce(PathBuf) -> Result<Playing, String> + Send + 'static {
    let runtime = tokio::runtime::Handle::current();
    move |config| runtime.block_on(start(config, slip))
}

fn stop(playing: Playing) {
    playing.tls.abort();
}

/// Sessions end, so time has to pass.
fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::start())
}

/// Plays `--once` and gives what was printed.
async fn once(slip: Slip) -> (Outcome, String) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { once: true, port: None, folder: folder.path().into() };
    let mut out = Vec::new();
    let outcome = run(&options, clock(), &mut out, starting(slip), stop).await.unwrap();
    (outcome, String::from_utf8(out).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_is_content_with_a_gateway_that_keeps_every_promise() {
    let (outcome, out) = once(Slip::None).await;
    assert_eq!(outcome, Outcome::Kept, "{out}");
    assert!(out.contains(&format!("{0} of {0} answered as promised.", all().count())), "{out}");
    assert!(out.contains(TRACE), "the trace is shown: {out}");
    assert!(out.contains("ms after it was revoked"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_tells_every_broken_promise() {
    let (outcome, out) = once(Slip::AdmitsExpired).await;
    assert_eq!(outcome, Outcome::Broken);
    let line = out.lines().find(|line| line.contains("an expired token")).unwrap();
    assert!(line.starts_with("XX") && line.contains(" 200 ") && line.ends_with("no: 401 token_expired"), "{line}");
    assert_eq!(out.matches("XX").count(), 1, "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_notices_a_token_that_reaches_the_upstream() {
    let (outcome, out) = once(Slip::ForwardsToken).await;
    assert_eq!(outcome, Outcome::Broken);
    assert!(out.contains("the token reached the upstream"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_is_not_content_without_a_trace() {
    let (outcome, out) = once(Slip::SendsNoTrace).await;
    assert_eq!(outcome, Outcome::Broken);
    assert!(out.contains("No trace arrived") && out.contains(&format!("{0} of {0}", all().count())), "{out}");
}

#[tokio::test]
async fn a_gateway_that_does_not_start_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { once: true, port: None, folder: folder.path().into() };
    let start = |_: PathBuf| Err::<(), _>("the config has a fault");
    let error = run(&options, clock(), &mut Vec::new(), start, |()| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "the gateway did not start: the config has a fault");
}

/// What the demo printed so far.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Screen {
    async fn text(&self) -> String {
        loop {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            if !text.is_empty() {
                return text;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// The printed lines, pasted into a real bash with a real curl, answer as their comments say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lines_can_be_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { once: false, port: Some(0), folder: folder.path().join("it's here") };
    let (screen, mut out) = (Screen::default(), Screen::default());
    out.0 = Arc::clone(&screen.0);
    let demo = run(&options, clock(), &mut out, starting(Slip::None), stop);
    let paste = async {
        let text = screen.text().await;
        let bash =
            tokio::task::spawn_blocking(move || Command::new("bash").args(["-eu", "-c", &text]).output().unwrap());
        bash.await.unwrap()
    };
    let pasted = tokio::select! {
        ended = demo => panic!("the demo ended: {ended:?}"),
        pasted = paste => pasted,
    };
    let (said, erred) = (String::from_utf8(pasted.stdout).unwrap(), String::from_utf8(pasted.stderr).unwrap());
    assert!(pasted.status.success() && erred.is_empty(), "{erred}\n{said}");
    let statuses: Vec<u16> = said.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect();
    assert!(said.contains("200 200") && said.contains("401 401"), "a busy session ends: {said}");
    let promised = all().flat_map(|row| {
        let before = matches!(row.before, Before::Revocation | Before::Silence).then_some(200);
        before.into_iter().chain([row.status])
    });
    assert_eq!(statuses, promised.collect::<Vec<_>>(), "{said}");
    assert!(said.contains(&format!("{TRACE}    ")) && said.contains("\"published\""), "{said}");
}
