//! What is made of files, and made anew when one of them is another: keys and certificates are exchanged while the gateway
//! runs. As long as nothing can be made of what is there, as when one of two is exchanged already, the former stays.

use crate::idp::file::Watched;
use crate::notice::Trouble;
use crate::settings::read_bounded;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// The files are looked at no more often.
const LOOK: Duration = Duration::from_secs(1);

/// No key, and no chain of certificates, is longer.
pub(super) const MAX_BYTES: u64 = 256 * 1024;

type Make<T> = Box<dyn Fn(&[Vec<u8>]) -> Result<T, String> + Send + Sync>;

/// Made of files.
pub(super) struct Rotating<T> {
    paths: Vec<PathBuf>,
    make: Make<T>,
    seen: Mutex<Seen<T>>,
    trouble: Trouble,
}

struct Seen<T> {
    files: Vec<Watched>,
    looked: Option<Duration>,
    made: Arc<T>,
}

impl<T> Rotating<T> {
    /// Reads them now.
    ///
    /// # Errors
    /// If nothing can be made of them.
    pub(super) fn new(
        paths: Vec<PathBuf>,
        make: impl Fn(&[Vec<u8>]) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let files = paths.iter().map(|path| Watched::new(path, MAX_BYTES)).collect();
        let made = Arc::new(make(&read(&paths)?)?);
        let seen = Mutex::new(Seen { files, looked: None, made });
        Ok(Self { paths, make: Box::new(make), seen, trouble: Trouble::default() })
    }

    /// What is made of what is there now; `now` is steady.
    pub(super) async fn current(&self, now: Duration) -> Arc<T> {
        let mut seen = self.seen.lock().await;
        if seen.looked.is_some_and(|looked| now.saturating_sub(looked) < LOOK) {
            return Arc::clone(&seen.made);
        }
        seen.looked = Some(now);
        match self.look(&mut seen.files).await {
            Ok(None) => {}
            Ok(Some(made)) => {
                seen.made = Arc::new(made);
                if self.trouble.over().is_some() {
                    tracing::info!(file = %self.name(), "the gateway's credentials were read again");
                }
            }
            Err(why) => {
                seen.files.iter_mut().for_each(Watched::forget);
                if self.trouble.met(&why).is_some() {
                    tracing::warn!(file = %self.name(), %why, "the gateway's credentials were exchanged, and cannot be used: the former ones stay");
                }
            }
        }
        Arc::clone(&seen.made)
    }

    async fn look(&self, files: &mut [Watched]) -> Result<Option<T>, String> {
        let mut other = false;
        for file in files {
            other |= file.look().await.map_err(|error| error.to_string())?.is_some();
        }
        if !other {
            return Ok(None);
        }
        let paths = self.paths.clone();
        let read = tokio::task::spawn_blocking(move || read(&paths)).await.map_err(|error| error.to_string())??;
        (self.make)(&read).map(Some)
    }

    fn name(&self) -> String {
        self.paths.first().map(|path| path.display().to_string()).unwrap_or_default()
    }
}

fn read(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, String> {
    let read = |path: &PathBuf| read_bounded(path, MAX_BYTES).map_err(|error| format!("{}: {error}", path.display()));
    paths.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looked at once a second; what cannot be used does not take the place of what can.
    #[tokio::test]
    async fn the_former_stays_until_there_is_a_better_one() {
        let directory = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| directory.path().join(name));
        let put = |one_is: &str, other_is: &str| {
            std::fs::write(&one, one_is).unwrap();
            std::fs::write(&other, other_is).unwrap();
        };
        let pair = |files: &[Vec<u8>]| if files[0] == files[1] { Ok(files[0].clone()) } else { Err("no pair".into()) };
        put("a", "a");
        let rotating = Rotating::new(vec![one.clone(), other.clone()], pair).unwrap();
        let at = async |ms| rotating.current(Duration::from_millis(ms)).await.to_vec();
        assert_eq!(at(0).await, b"a");
        put("bc", "a");
        assert_eq!((at(999).await, at(1000).await), (b"a".to_vec(), b"a".to_vec()));
        put("bc", "bc");
        assert_eq!((at(1999).await, at(2000).await), (b"a".to_vec(), b"bc".to_vec()));
        std::fs::remove_file(&one).unwrap();
        assert_eq!((at(3000).await, at(4000).await), (b"bc".to_vec(), b"bc".to_vec()));
        put("def", "def");
        assert_eq!(at(5000).await, b"def");
        std::fs::remove_file(&one).unwrap();
        assert!(Rotating::new(vec![one.clone(), other.clone()], pair).is_err());
    }
}
