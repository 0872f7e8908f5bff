//! The table of scenarios as lines for a shell. All of it is good bash: explanations are comments, so a line, a
//! block or the whole may be pasted.

use super::address::Addresses;
use super::scenario::{Before, Scenario, Sends, TRACED, all};
use super::{page, socket};
use std::path::Path;

/// How curl shows an answer.
const SHOWN: &str = "-isw '\\n'";

/// What the lines need to know.
pub struct Script<'a> {
    /// Where the parts listen.
    pub addresses: &'a Addresses,
    /// The authority's certificate.
    pub authority: &'a Path,
    /// The config that the gateway reads.
    pub config: &'a Path,
}

impl Script<'_> {
    /// The whole text.
    pub fn text(&self) -> String {
        let mut text = self.opening();
        for (number, scenario) in all().enumerate() {
            text.push_str(&self.block(number + 1, scenario));
        }
        text.push_str(&self.closing());
        text
    }

    /// How a token is got, and a trace seen.
    fn opening(&self) -> String {
        let Addresses { gateway, provider, upstream, admin } = self.addresses;
        let page = page::PATH;
        let config = quoted(&self.config.to_string_lossy());
        let curfew = std::env::current_exe().map_or_else(|_| "curfew".into(), |exe| quoted(&exe.to_string_lossy()));
        format!(
            "# Curfew's demo runs; Ctrl-C ends it. Paste what follows into bash, in another terminal and in this folder.
#   gateway   https://{gateway}     its config: {config}
#   provider  http://{provider}      discovery, keys, tokens, revocation; it also takes the gateway's traces
#   upstream  http://{upstream}      answers with what it received
#   admin     http://{admin}      /readyz /metrics /config
#   a page    https://{gateway}{page}     for a browser: sign in, be warned, ask for more time, let it end

# These three first: one gets a token, the others show why the answer that is piped into them was refused: as a trace,
# and as an operator asks for it.
token() {{ curl -sS http://{provider}/token -H 'Accept: application/jwt' -d grant_type=demo \"$@\"; }}
trail() {{ curl -sS \"http://{provider}/traces/$(grep -oE '[0-9a-f]{{32}}' | head -n 1)\"; }}
why() {{ {curfew} trace --admin http://{admin} \"$(grep -oE '[0-9a-f]{{32}}' | head -n 1)\"; }}
"
        )
    }

    fn block(&self, number: usize, scenario: &Scenario) -> String {
        let answer = scenario.reason.map_or_else(String::new, |reason| format!(" {reason}"));
        let mut lines = vec![
            format!("\n# {number}. {}: {}", capital(scenario.name), scenario.why),
            format!("#    answers {}{answer}", scenario.status),
        ];
        lines.extend(token(scenario));
        lines.extend(self.before(scenario));
        lines.push(match scenario.sends {
            // What comes after the answer are frames.
            Sends::Socket => format!("{} | tr -cd '[:print:]\\n'; echo", self.request(scenario, "-isN --http1.1")),
            _ => self.request(scenario, SHOWN),
        });
        lines.join("\n") + "\n"
    }

    fn before(&self, scenario: &Scenario) -> Vec<String> {
        let still = || format!("{}   # still 200", self.request(scenario, SHOWN));
        let provider = self.addresses.provider;
        match scenario.before {
            Before::Nothing => Vec::new(),
            Before::Silence => vec![still(), "sleep 2.1".into()],
            Before::Activity => {
                let busy = self.request(scenario, "-so /dev/null -w '%{http_code} '");
                vec![format!("for _ in 1 2 3 4 5 6; do {busy}; sleep 0.5; done; echo")]
            }
            Before::Revocation => {
                let revoke = format!("curl -sS -d \"token=${}\" http://{provider}/revoke", scenario.variable);
                vec![still(), revoke, "sleep 1".into()]
            }
        }
    }

    fn request(&self, scenario: &Scenario, options: &str) -> String {
        let field = format!(" -H \"Authorization: Bearer ${}\"", scenario.variable);
        let fields = match scenario.sends {
            Sends::Nothing => String::new(),
            Sends::Bearer => field,
            Sends::Twice => field.repeat(2),
            Sends::Socket => {
                socket::FIELDS.iter().fold(field, |all, (name, value)| format!("{all} -H '{name}: {value}'"))
            }
        };
        let method = if scenario.method == "GET" { String::new() } else { format!(" -X {}", scenario.method) };
        // Else curl would resolve the dot segments itself, and the gateway would never see them.
        let as_is = if scenario.path.contains('%') { " --path-as-is" } else { "" };
        let (authority, gateway) = (quoted(&self.authority.to_string_lossy()), self.addresses.gateway);
        format!("curl {options} --cacert {authority}{as_is}{method}{fields} https://{gateway}{}", scenario.path)
    }

    fn closing(&self) -> String {
        let provider = self.addresses.provider;
        let traced = all().find(|scenario| scenario.variable == TRACED);
        let line = traced.map(|scenario| self.request(scenario, "-s")).unwrap_or_default();
        format!(
            "
# The trace of any of them: put `| trail` behind it (a refusal names its trace in `trace_id`). The look-up
# waits for a trace that is still under way. With `| why` the gateway itself is asked for its record.
{line} | trail
# The latest of all, one a line:
curl -sS http://{provider}/traces

# The provider signs with new keys; tokens of the old ones still pass. With ?forget the old keys are withdrawn.
curl -sS -X POST http://{provider}/rotate
"
        )
    }
}

/// The line that puts the token into its variable, if there is one.
fn token(scenario: &Scenario) -> Option<String> {
    let wish: String = scenario.wish.iter().map(|(name, value)| format!(" -d {name}={value}")).collect();
    (scenario.sends != Sends::Nothing).then(|| format!("{}=$(token{wish})", scenario.variable))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A word for the shell: as it is where that is safe, else in single quotes.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:@".contains(letter);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::{Script, quoted};
    use crate::demo::address::Addresses;
    use crate::demo::scenario::{Sends, all};
    use std::path::Path;
    use std::process::Command;

    fn text(folder: &str) -> String {
        let folder = Path::new(folder);
        let (authority, config) = (folder.join("ca.crt"), folder.join("curfew.yaml"));
        Script { addresses: &Addresses::USUAL, authority: &authority, config: &config }.text()
    }

    #[test]
    fn every_scenario_has_its_lines_and_its_promise() {
        let text = text("certs/demo");
        for row in all() {
            assert!(text.contains(row.path) && text.contains(row.why), "{}", row.name);
            assert!(text.contains(&format!("answers {} {}", row.status, row.reason.unwrap_or("")).trim().to_owned()));
            assert_eq!(
                text.contains(&format!("\n{}=$(token", row.variable)),
                row.sends != Sends::Nothing,
                "{}",
                row.name
            );
        }
        let good = "curl -isw '\\n' --cacert certs/demo/ca.crt -H \"Authorization: Bearer $GOOD\" https://127.0.0.1:8443/orders\n";
        assert!(text.contains(good), "{text}");
        assert!(text.contains("--path-as-is https://127.0.0.1:8443/public/%2e%2e/orders\n"));
    }

    #[test]
    fn bash_reads_all_of_it() {
        for folder in ["certs/demo", "/tmp/it's a $(folder)"] {
            let status = Command::new("bash").args(["-n", "-c", &text(folder)]).status().unwrap();
            assert!(status.success(), "{folder}");
        }
    }

    #[test]
    fn a_word_with_a_quote_in_it_stays_one_word() {
        assert_eq!(quoted("certs/demo"), "certs/demo");
        assert_eq!(quoted("it's $x"), r"'it'\''s $x'");
    }
}
