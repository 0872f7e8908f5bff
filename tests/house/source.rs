//! The source files, as the tests of the house read them.

use std::fs;
use std::path::Path;

/// A source file.
pub struct File {
    /// Its path from the root of the project.
    pub path: String,
    /// All of it.
    pub text: String,
}

impl File {
    /// The room it is in.
    pub fn room(&self) -> &str {
        self.path.strip_prefix("src/").and_then(|path| path.split('/').next()).unwrap_or_default()
    }

    /// Its lines of code, numbered: no comments, no tests.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("#[cfg(test)]\nmod ").unwrap_or(self.text.len());
        let lines = self.text.get(..end).unwrap_or_default().lines().enumerate();
        lines.map(|(number, text)| (number + 1, text)).filter(|(_, text)| {
            let text = text.trim_start();
            !text.is_empty() && !text.starts_with("//")
        })
    }
}

/// All Rust files below a folder, but for those that hold only tests.
pub fn files(folder: &str) -> Vec<File> {
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!found.is_empty(), "there is nothing in {folder}");
    found
}

fn walk(folder: &Path, found: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            walk(&entry, found);
        } else if entry.extension().is_some_and(|kind| kind == "rs") && !entry.ends_with("tests.rs") {
            let path = entry.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("inside").to_string_lossy().into_owned();
            found.push(File { path, text: fs::read_to_string(&entry).expect("text") });
        }
    }
}
