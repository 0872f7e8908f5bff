//! Real processes: started, listened to, ended with the test.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::wait::PATIENCE;

/// A process of ours, and all that it has said.
pub struct Process {
    child: Child,
    name: String,
    said: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts it, with an open standard input that closes when the test ends.
    pub fn start(name: &str, command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let said = Arc::new(Mutex::new(Vec::new()));
        listen(child.stdout.take().unwrap(), &said);
        listen(child.stderr.take().unwrap(), &said);
        Self { child, name: name.to_owned(), said }
    }

    /// What it said, as one text.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }

    /// Its first line that is JSON: how our helpers say their ports.
    pub fn first_json(&mut self) -> serde_json::Value {
        self.json(0)
    }

    /// The line of JSON that comes after so many others.
    pub fn json(&mut self, after: usize) -> serde_json::Value {
        let began = Instant::now();
        loop {
            let line = self.said.lock().unwrap().iter().filter_map(|line| serde_json::from_str(line).ok()).nth(after);
            if let Some(value) = line {
                return value;
            }
            assert!(self.ended().is_none(), "{} ended:\n{}", self.name, self.said());
            // The first of all reads everything that it consists of from the disk.
            assert!(began.elapsed() < PATIENCE * 3, "{} says nothing:\n{}", self.name, self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Says a line to it.
    pub fn tell(&mut self, line: &serde_json::Value) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Has it ended, and how?
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Sends a signal, by its name.
    pub fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(run(Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", signal, &id])).status.success());
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("---- {} said ----\n{}", self.name, self.said());
        }
    }
}

fn listen(stream: impl Read + Send + 'static, said: &Arc<Mutex<Vec<String>>>) {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            said.lock().unwrap().push(line);
        }
    });
}

/// Runs a command to its end, without standard input.
pub fn run(command: &mut Command) -> Output {
    run_with(command, b"")
}

/// Runs a command to its end, with this standard input. A tool that is missing is a failure, told as such.
pub fn run_with(command: &mut Command, input: &[u8]) -> Output {
    tokio::task::block_in_place(|| {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = command.get_program().to_owned();
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("this test needs {program:?} ({error}); run tests/run"));
        // A child that ends without reading its input has answered all the same.
        _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    })
}

/// What a command printed; it must have ended well.
pub fn stdout(command: &mut Command) -> String {
    let output = run(command);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// A file of tests/services.
pub fn service(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services").join(name)
}

/// Where tests/run installs what the services need.
pub fn installed() -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/services");
    assert!(directory.join("node_modules").exists(), "the services are not installed; run tests/run");
    directory
}

/// Python, with what the clients need, about to run a file of tests/services.
pub fn python(script: &str, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(installed().join("python/bin/python"));
    command.arg(service(script)).args(arguments);
    command
}
