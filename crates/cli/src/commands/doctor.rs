//! `omega doctor`

use omega_studio::audio_io::doctor::{State, examine};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;

/// Find what stands in the way of audio without dropouts, and how to mend it
#[derive(clap::Args)]
#[command(after_help = "Example:\n  omega doctor\n\nThe exit code is 1 if there is a problem.")]
pub struct Doctor {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let findings = examine();
        if self.json {
            let all = findings.iter().map(|finding| {
                json!({"topic": finding.topic, "state": format!("{:?}", finding.state).to_lowercase(),
                    "what": finding.what, "how_to_mend": finding.how_to_mend})
            });
            output.json(&json!(all.collect::<Vec<_>>()))?;
        } else {
            for finding in &findings {
                let state = format!("{:?}", finding.state).to_lowercase();
                output.print(format_args!("{state:<8} {}: {}", finding.topic, finding.what))?;
                if !finding.how_to_mend.is_empty() {
                    output.print(format_args!("         → {}", finding.how_to_mend))?;
                }
            }
        }
        if findings.iter().any(|finding| finding.state == State::Problem) {
            Err(Failure::Told)
        } else {
            Ok(())
        }
    }
}
