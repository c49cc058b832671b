//! The body of `job/submit`, as each version of the API wants it.

use super::settings::{ApiVersion, JobSettings, SlurmSettings};
use super::wire::NAME_PREFIX;
use crate::port::Submission;
use checkmill_core::Millis;
use serde_json::{Map, Value, json};

/// After the run's own time limit, for the agent to end steps and write its result; Slurm's limit only ends an agent that hangs.
/// As long as the agent's own backstop.
const BACKSTOP: Millis = Millis::from_secs(120);
/// Of a comment shown by squeue.
const COMMENT_CHARS: usize = 200;
/// What finds the programs of a plain system.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) fn of(
    settings: &SlurmSettings,
    job: &JobSettings,
    submission: &Submission,
    script: String,
) -> Value {
    let mut body = Body {
        version: settings.version,
        job: Map::new(),
    };
    body.put("name", format!("{NAME_PREFIX}{}", submission.key));
    let comment: String = format!("Checkmill: {}", submission.name)
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    body.put("comment", comment.chars().take(COMMENT_CHARS).collect::<String>());
    body.put("environment", body.environment(settings));
    body.put("current_working_directory", "/");
    for stream in ["standard_output", "standard_error"] {
        body.put(stream, "/dev/null");
    }
    body.put("tasks", 1);
    // Never two of one key at a time: it waits for all earlier jobs of its name and user.
    body.put("dependency", "singleton");
    body.no_requeue();
    let limit = job.time_limit_minutes.map_or_else(
        || (submission.run_timeout.0 + BACKSTOP.0).div_ceil(60_000),
        u64::from,
    );
    body.number("time_limit", limit);
    // Where nobody waits for it any more, it must not start some day.
    let latest = submission.queue_timeout.0.div_ceil(1000) + (limit + 1) * 60;
    body.deadline(latest, (settings.now)().0 / 1000);
    body.resources(job);
    json!({ "script": script, "job": body.job })
}

struct Body {
    version: ApiVersion,
    job: Map<String, Value>,
}

impl Body {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.job.insert(name.to_owned(), value.into());
    }

    /// A number that may be absent or infinite.
    fn number(&mut self, name: &str, number: u64) {
        let value = if self.version.is_parsed() {
            json!({ "set": true, "infinite": false, "number": number })
        } else {
            json!(number)
        };
        self.put(name, value);
    }

    fn environment(&self, settings: &SlurmSettings) -> Value {
        let mut environment = settings.environment.clone();
        environment
            .entry("PATH".to_owned())
            .or_insert_with(|| PATH.to_owned());
        if self.version.is_parsed() {
            environment
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect()
        } else {
            json!(environment)
        }
    }

    /// Until 0.0.38 the names are those of sbatch's options, whose `requeue` takes no value that means no.
    fn no_requeue(&mut self) {
        if self.version.is_parsed() {
            self.put("requeue", false);
        } else {
            self.put("no_requeue", true);
        }
    }

    /// In seconds from now; until 0.0.38 as sbatch has it, by the controller's own clock.
    fn deadline(&mut self, seconds: u64, now: u64) {
        if self.version.is_parsed() {
            self.put("deadline", now + seconds);
        } else {
            self.put("deadline", format!("now+{seconds}seconds"));
        }
    }

    fn resources(&mut self, job: &JobSettings) {
        let texts = [
            ("partition", &job.partition),
            ("account", &job.account),
            ("qos", &job.qos),
            ("reservation", &job.reservation),
            ("constraints", &job.constraint),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                self.put(name, value.as_str());
            }
        }
        if let Some(cpus) = job.cpus {
            self.put("cpus_per_task", cpus);
        }
        if let Some(megabytes) = job.memory_mb {
            self.number("memory_per_node", megabytes);
        }
        if let Some(nodes) = job.nodes {
            self.put("minimum_nodes", nodes);
        }
        if job.exclusive == Some(true) {
            // `true` in Slurm's own parsers is sbatch's --exclusive without a value.
            self.put(
                "exclusive",
                if self.version.is_parsed() {
                    json!(["true"])
                } else {
                    json!("exclusive")
                },
            );
        }
        if let Some(gres) = &job.gres {
            self.gres(gres);
        }
    }

    fn gres(&mut self, gres: &str) {
        if !self.version.is_parsed() {
            return self.put("gres", gres);
        }
        let separator = if self.version.has_slashed_tres() { '/' } else { ':' };
        let each: Vec<String> = gres
            .split(',')
            .map(|gres| format!("gres{separator}{gres}"))
            .collect();
        self.put("tres_per_node", each.join(","));
    }
}
