//! From a file to settings: read, parse, check, and the revision that every decision carries.
//! Nothing is built or opened here.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::check;
use super::config::{Broken, Fault, Severity, Spans, in_order, parse};
use super::settings::Config;

/// The engine refuses longer texts; reading stops one byte after that.
const MAX_BYTES: u64 = (16 << 20) + 1;

/// A config that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// What parses but is unwise.
    pub warnings: Vec<Fault>,
    /// The hash of what it says, defaults included: comments and order of keys do not change it.
    pub revision: Box<str>,
    /// The text it was read from.
    pub text: String,
    /// Where each setting stands.
    pub spans: Spans,
}

/// Reads, parses and checks a config file.
///
/// # Errors
/// Everything that is wrong with it, warnings included, in the order of the text.
pub fn load(path: &Path) -> Result<Loaded, Vec<Fault>> {
    let file = path.display().to_string();
    let unreadable = |error: io::Error| {
        let message = format!("the file cannot be read: {error}");
        let fault = Fault::new(Severity::Error, &file, String::new(), None, message);
        vec![fault.with_help("name a readable UTF-8 text file with `-c FILE`".to_owned())]
    };
    let text = source(path).map_err(unreadable)?;
    read(&file, text)
}

/// The text of a config file.
///
/// # Errors
/// What the system says, or that it is no UTF-8.
pub fn source(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Parses and checks a config; `file` is its name in messages.
///
/// # Errors
/// Everything that is wrong with it, warnings included, in the order of the text.
pub fn read(file: &str, text: String) -> Result<Loaded, Vec<Fault>> {
    let parsed = parse::<Config>(file, &text).map_err(all)?;
    let (config, spans) = (parsed.value, parsed.spans);
    let faults = check::check(&config, &spans);
    if faults.iter().any(|fault| fault.severity == Severity::Error) {
        return Err(faults);
    }
    Ok(Loaded { revision: revision(&config), config, warnings: faults, text, spans })
}

/// The faults of the text, and what can be said of the rest all the same.
fn all(broken: Broken<Config>) -> Vec<Fault> {
    let mut faults = broken.faults;
    if let Some(rest) = broken.rest {
        faults.extend(check::check_rest(&rest.value, &rest.spans));
    }
    in_order(faults)
}

/// Fields are written in the order of their types, and maps in the order of their keys: the same settings are the
/// same bytes. Twelve digits tell two configs of one gateway apart.
fn revision(config: &Config) -> Box<str> {
    let json = serde_json::to_vec(config).unwrap_or_default();
    let hash = blake3::hash(&json).to_hex();
    hash.get(..12).unwrap_or_default().into()
}
