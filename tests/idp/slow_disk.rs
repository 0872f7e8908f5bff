//! What if the disk that the journal is on hangs? Settings are then taken up late; but whoever only looks is not kept
//! waiting, for there is one thread that refreshes, answers `/readyz` and looks.

use super::House;
use super::feeds::Fed;
use super::provider::Provider;
use curfew::decide::revocation::Cutoff;
use curfew::state::fingerprint::Kind;
use curfew::state::journal::disk::{Disk, Folder, Tape};
use curfew::state::journal::{DIRECTORY, Journal};
use curfew::state::revocations::{Revoked, Target};
use serde_json::json;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::task::spawn_blocking;

/// How the disk is, and how many wait for it.
#[derive(Default)]
struct Gate {
    hangs: bool,
    waiting: usize,
}

#[derive(Clone, Default)]
struct Turnstile(Arc<(Mutex<Gate>, Condvar)>);

impl Turnstile {
    fn hang(&self, hangs: bool) {
        self.0.0.lock().unwrap().hangs = hangs;
        self.0.1.notify_all();
    }

    fn waiting(&self) -> usize {
        self.0.0.lock().unwrap().waiting
    }

    fn pass(&self) {
        let mut gate = self.0.0.lock().unwrap();
        gate.waiting += 1;
        let mut gate = self.0.1.wait_while(gate, |gate| gate.hangs).unwrap();
        gate.waiting -= 1;
    }
}

struct Slow(Folder, Turnstile);

impl Disk for Slow {
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Tape>> {
        self.0.create(name)
    }

    fn open(&self, name: &str) -> io::Result<(u64, Box<dyn Read + Send>)> {
        self.1.pass();
        self.0.open(name)
    }

    fn cut(&self, name: &str, length: u64) -> io::Result<()> {
        self.0.cut(name, length)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

async fn locked(dir: &std::path::Path) -> Folder {
    super::bounded(async {
        loop {
            match Folder::lock(&dir.join(DIRECTORY)) {
                Ok(folder) => break folder,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_looks_does_not_wait_for_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let provider = Provider::start(None).await;
    let fed = Fed::of(House::kept(dir.path()), provider.clone());
    let settings = fed.settings(fed.poll(json!({})));
    fed.house.apply(&settings);
    let token = fed.house.fingerprints.of(Kind::Token, &fed.provider.url(""), b"a");
    let what = Revoked { target: Target::Token(token), cutoff: Cutoff::Always, until: None };
    fed.house.idp.operator("corp").unwrap().revoke(&[what]).await.unwrap();
    fed.house.idp.journal().unwrap().close();
    drop(fed);

    let (disk, folder) = (Turnstile::default(), locked(dir.path()).await);
    let slow = Box::new(Slow(folder, disk.clone()));
    let house = Arc::new(House::with(|check, set, clock| Some(Journal::open(slow, check, set, clock).unwrap())));
    disk.hang(true);
    let taking_up = spawn_blocking({
        let house = Arc::clone(&house);
        move || house.apply(&settings)
    });
    super::bounded(async {
        while disk.waiting() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let look = spawn_blocking({
        let house = Arc::clone(&house);
        move || (house.idp.readiness(house.now()).len(), house.idp.degraded(house.now()).len())
    });
    let looked = tokio::time::timeout(Duration::from_secs(3), look).await;
    disk.hang(false);
    taking_up.await.unwrap();
    assert!(looked.is_ok(), "it waited for the disk");
    assert!(house.idp.opened("corp").is_some(), "and then all of it is there");
}
