//! A fault as text for people, in the way of the Rust compiler: headline, place, line, underline, advice.

use std::fmt::{self, Write};

use super::fault::{Excerpt, Fault, Severity};
use super::spans::Location;

/// A line longer than this is shown as a window around what is underlined.
const MAX_LINE: usize = 120;

impl Fault {
    /// The fault as several lines of text, the last one ended. `source` is the text that was parsed.
    pub fn render(&self, source: &str, colour: bool) -> String {
        let mut out = String::new();
        // Writing into a string does not fail.
        let _ = self.write(&mut out, source, Paint { colour });
        out
    }

    fn write(&self, out: &mut String, source: &str, paint: Paint) -> fmt::Result {
        let tone = paint.tone(self.severity);
        let width = self.location.map_or(1, |location| location.line.to_string().len());
        let gutter = paint.wrap(Paint::BLUE, &format!("{:width$} |", ""));
        writeln!(out, "{}: {}", paint.wrap(tone, &self.severity.to_string()), clean(&self.message))?;
        let arrow = paint.wrap(Paint::BLUE, &format!("{:width$}-->", ""));
        match self.location {
            Some(at) => writeln!(out, "{arrow} {}:{}:{}", clean(&self.file), at.line, at.column)?,
            None => writeln!(out, "{arrow} {}", clean(&self.file))?,
        }
        if let Some(at) = self.location {
            let (line, pad, marks) = excerpt(source, at, self.excerpt);
            let number = paint.wrap(Paint::BLUE, &format!("{} |", at.line));
            writeln!(out, "{gutter}\n{}", format!("{number} {line}").trim_end())?;
            writeln!(out, "{gutter} {:pad$}{}", "", paint.wrap(tone, &"^".repeat(marks)))?;
        }
        let note = paint.wrap(Paint::BLUE, &format!("{:width$} =", ""));
        if !self.path.is_empty() {
            writeln!(out, "{note} at: {}", clean(&self.path))?;
        }
        match &self.help {
            Some(help) => writeln!(out, "{note} help: {}", clean(help)),
            None => Ok(()),
        }
    }
}

/// All faults, each as [`Fault::render`] shows it, and a count at the end.
pub fn render_all(faults: &[Fault], source: &str, colour: bool) -> String {
    let mut out: String = faults.iter().map(|fault| fault.render(source, colour) + "\n").collect();
    let errors = faults.iter().filter(|fault| fault.severity == Severity::Error).count();
    let warnings = faults.len() - errors;
    let file = faults.first().map_or("", |fault| fault.file.as_str());
    let _ = writeln!(out, "{}, {} in {}", count(errors, "error"), count(warnings, "warning"), clean(file));
    out
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The line to show, the spaces before the underline, and its length. Nothing is taken from outside one line.
fn excerpt(source: &str, at: Location, show: Excerpt) -> (String, usize, usize) {
    let column = at.column - at.column.min(1);
    let begin = source.get(..at.start).map_or(0, |before| before.rfind('\n').map_or(0, |end| end + 1));
    let rest = source.get(begin..).unwrap_or("");
    let line = rest.lines().next().unwrap_or("");
    let marked = source.get(at.start..at.end).and_then(|text| text.lines().next()).unwrap_or("");
    let marks = marked.trim_end().chars().count().max(1);
    match show {
        Excerpt::Nothing => ("(not shown, for it may hold a secret)".to_owned(), 0, 1),
        Excerpt::UpToSpan => window(line.chars().take(column + marks), column, marks),
        Excerpt::Line => window(line.chars(), column, marks),
    }
}

fn window(line: impl Iterator<Item = char>, column: usize, marks: usize) -> (String, usize, usize) {
    let marks = marks.min(MAX_LINE);
    let skipped = if column + marks <= MAX_LINE { 0 } else { column - column.min(MAX_LINE / 4) };
    (line.skip(skipped).take(MAX_LINE).map(visible).collect(), column - skipped, marks)
}

/// A text in one line and without what would steer the terminal.
fn clean(text: &str) -> String {
    text.chars().map(visible).collect()
}

fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        // The marks that turn the direction of writing can make a line look like another one.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[derive(Clone, Copy)]
struct Paint {
    colour: bool,
}

impl Paint {
    const BLUE: &str = "\x1b[1;34m";

    fn tone(self, severity: Severity) -> &'static str {
        match severity {
            Severity::Error => "\x1b[1;31m",
            Severity::Warning => "\x1b[1;33m",
        }
    }

    fn wrap(self, tone: &str, text: &str) -> String {
        if self.colour { format!("{tone}{text}\x1b[0m") } else { text.to_owned() }
    }
}
