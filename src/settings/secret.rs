//! A reference to a secret. The settings hold the reference only; the secret is read when it is needed, and never printed.

use std::fmt;
use std::io;
use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use thiserror::Error;

use super::files::read_bounded;

/// How the refusal of a secret that stands in the settings begins.
/// Whoever shows such a refusal must not show the text it is about.
pub const SECRET_IN_PLACE: &str = "a secret is never written into the settings";

/// No secret is longer than this, so a wrong path cannot fill the memory.
const MAX_LEN: u64 = 64 * 1024;

const FORMS: &[&str] = &["file", "env"];

/// Where a secret is kept: `{file: path}` or `{env: NAME}`. The secret itself is never written into the settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Secret {
    /// The file that holds nothing but the secret; one newline at its end is left out.
    File(PathBuf),
    /// The environment variable that holds the secret.
    Env(String),
}

/// Why a secret could not be read. Names the reference, never the content.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The file is missing or may not be read.
    #[error("the secret file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file of the reference.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The environment variable is not set.
    #[error("the environment variable {0} is not set")]
    Unset(String),
    /// There is something, but it cannot be a secret: empty, over 64 KiB, or not UTF-8.
    #[error("the secret in {0} is empty, longer than 64 KiB, or not UTF-8")]
    Unfit(Secret),
}

impl Secret {
    /// Reads the secret now. Blocks for the file, so it is not for the line.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        let text = match self {
            Self::File(path) => {
                let unreadable = |source| SecretError::Unreadable { path: path.clone(), source };
                read_bounded(path, MAX_LEN).map_err(|why| match why.kind() {
                    io::ErrorKind::FileTooLarge => SecretError::Unfit(self.clone()),
                    _ => unreadable(why),
                })?
            }
            Self::Env(name) => {
                std::env::var_os(name).ok_or_else(|| SecretError::Unset(name.clone()))?.into_encoded_bytes()
            }
        };
        let text = String::from_utf8(text).map_err(|_| SecretError::Unfit(self.clone()))?;
        let secret = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
        if secret.is_empty() || text.len() as u64 > MAX_LEN {
            return Err(SecretError::Unfit(self.clone()));
        }
        Ok(SecretString::from(secret))
    }
}

/// The reference, for messages: `file /run/secrets/key` or `env NAME`.
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "env {name}"),
        }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

/// Written by hand, because a derived one would repeat a misplaced secret in its message.
struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`{file: path}` or `{env: NAME}`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        let one = || de::Error::custom("a secret has one source: `{file: path}` or `{env: NAME}`");
        let form: String = map.next_key()?.ok_or_else(one)?;
        let secret = match form.as_str() {
            "file" => Secret::File(map.next_value::<String>()?.into()),
            "env" => Secret::Env(map.next_value()?),
            _ => return Err(de::Error::unknown_field(&form, FORMS)),
        };
        if map.next_entry::<String, IgnoredAny>()?.is_some() || secret.is_nameless() {
            return Err(one());
        }
        Ok(secret)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Secret, E> {
        Err(in_place())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Secret, E> {
        Err(in_place())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Secret, E> {
        Err(in_place())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Secret, E> {
        Err(in_place())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Secret, E> {
        Err(in_place())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Secret, A::Error> {
        Err(in_place())
    }
}

impl Secret {
    fn is_nameless(&self) -> bool {
        match self {
            Self::File(path) => path.as_os_str().is_empty(),
            Self::Env(name) => name.is_empty() || name.contains(['=', '\0']),
        }
    }
}

fn in_place<E: de::Error>() -> E {
    E::custom(format_args!("{SECRET_IN_PLACE}: write `{{file: path}}` or `{{env: NAME}}`"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use secrecy::ExposeSecret;

    use super::*;

    fn holding(content: &[u8]) -> (tempfile::NamedTempFile, Secret) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let secret = Secret::File(file.path().into());
        (file, secret)
    }

    #[test]
    fn one_newline_is_left_out() {
        for (content, secret) in
            [("s3cret", "s3cret"), ("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), ("s3cret\n\n", "s3cret\n")]
        {
            let (_file, reference) = holding(content.as_bytes());
            assert_eq!(reference.read().unwrap().expose_secret(), secret);
        }
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused() {
        for content in [&b""[..], b"\n", b"\xff\xfe", &vec![b'x'; MAX_LEN as usize + 1]] {
            let (_file, reference) = holding(content);
            assert!(matches!(reference.read(), Err(SecretError::Unfit(_))));
        }
        for path in ["/nowhere/at/all", "/dev/zero", "/"] {
            assert!(matches!(Secret::File(path.into()).read(), Err(SecretError::Unreadable { .. })), "{path}");
        }
        assert!(matches!(Secret::Env("CURFEW_NO_SUCH".into()).read(), Err(SecretError::Unset(_))));
    }

    #[test]
    fn the_environment_is_read() {
        let path = Secret::Env("PATH".into()).read().unwrap();
        assert_eq!(path.expose_secret(), std::env::var("PATH").unwrap());
    }

    #[test]
    fn only_references_are_settings() {
        let read = serde_json::from_str::<Secret>;
        assert_eq!(read(r#"{"file":"/run/key"}"#).unwrap(), Secret::File("/run/key".into()));
        assert_eq!(read(r#"{"env":"KEY"}"#).unwrap(), Secret::Env("KEY".into()));
        for (json, says) in [
            (r#""hunter2""#, SECRET_IN_PLACE),
            ("2222", SECRET_IN_PLACE),
            (r#"["hunter2"]"#, SECRET_IN_PLACE),
            (r#"{"value":"hunter2"}"#, "unknown field `value`, expected `file` or `env`"),
            (r#"{"file":"a","env":"B"}"#, "one source"),
            (r#"{"env":""}"#, "one source"),
            ("{}", "one source"),
        ] {
            let told = read(json).unwrap_err().to_string();
            assert!(told.contains(says), "{json}: {told}");
            assert!(!told.contains("hunter2") && !told.contains("2222"));
        }
    }

    #[test]
    fn what_is_printed_is_the_reference() {
        let (file, secret) = holding(b"hunter2");
        let json = serde_json::to_string(&secret).unwrap();
        assert_eq!(json, format!(r#"{{"file":"{}"}}"#, file.path().display()));
        assert!(!format!("{secret:?} {secret}").contains("hunter2"));
    }
}
