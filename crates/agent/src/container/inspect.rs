//! What an engine says of a container, as docker and podman both say it.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// One container, of `inspect`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    pub id: String,
    pub running: bool,
    pub exit_code: i64,
    pub health: Option<Health>,
    /// Between two looks at its health.
    pub interval: Duration,
    /// The ports of the machine by those of the container, without the protocol: `job.services.<id>.ports`.
    pub ports: BTreeMap<String, String>,
    /// On the one network that it is in.
    pub address: Option<String>,
    /// Its variables, `NAME=value`.
    env: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Starting,
    Healthy,
    Unhealthy,
}

/// Docker's default.
const INTERVAL: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    id: String,
    state: State,
    #[serde(default)]
    network_settings: NetworkSettings,
    #[serde(default)]
    config: Config,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    running: bool,
    #[serde(default)]
    exit_code: i64,
    /// podman called it `Healthcheck` before version 4.
    #[serde(default, alias = "Healthcheck")]
    health: Option<HealthState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthState {
    #[serde(default)]
    status: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    #[serde(default)]
    ports: Option<BTreeMap<String, Option<Vec<Binding>>>>,
    #[serde(default)]
    networks: Option<BTreeMap<String, Network>>,
}

#[derive(Deserialize)]
struct Network {
    #[serde(rename = "IPAddress", default)]
    address: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    host_port: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    env: Option<Vec<String>>,
    #[serde(default)]
    healthcheck: Option<Healthcheck>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Healthcheck {
    /// Nanoseconds.
    #[serde(default)]
    interval: u64,
}

impl Inspected {
    /// The one container of an answer.
    ///
    /// # Errors
    /// It is not to be understood.
    pub fn parse(answer: &str) -> Result<Self, String> {
        let all: Vec<Container> = serde_json::from_str(answer)
            .map_err(|error| format!("its answer is not to be understood: {error}"))?;
        let container = all.into_iter().next().ok_or("it knows no such container")?;
        let checked = container.config.healthcheck;
        let health = container.state.health.filter(|_| checked.is_some());
        let networks = container.network_settings.networks.unwrap_or_default();
        let mut addresses = networks.into_values().map(|network| network.address);
        let address = addresses.next().filter(|address| !address.is_empty());
        let ports = container.network_settings.ports.unwrap_or_default();
        let port = |(inside, bindings): (String, Option<Vec<Binding>>)| {
            let outside = bindings?.into_iter().next()?.host_port;
            let inside = inside.split('/').next()?.to_owned();
            Some((inside, outside)).filter(|(_, outside)| !outside.is_empty())
        };
        Ok(Self {
            address,
            id: container.id,
            running: container.state.running,
            exit_code: container.state.exit_code,
            health: health.and_then(|health| match health.status.as_str() {
                "starting" => Some(Health::Starting),
                "healthy" => Some(Health::Healthy),
                "unhealthy" => Some(Health::Unhealthy),
                _ => None,
            }),
            interval: match checked.map(|check| check.interval) {
                None | Some(0) => INTERVAL,
                Some(nanos) => Duration::from_nanos(nanos),
            },
            ports: ports.into_iter().filter_map(port).collect(),
            env: container.config.env.unwrap_or_default(),
        })
    }

    /// A variable that programs in it find.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        let values = self.env.iter().filter_map(|variable| variable.split_once('='));
        values
            .rev()
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn as_docker_says_it() {
        let answer = json!([{
            "Id": "abc",
            "State": {"Status": "running", "Running": true, "ExitCode": 0, "Health": {"Status": "starting", "FailingStreak": 0, "Log": null}},
            "Config": {"Env": ["PATH=/usr/bin:/bin", "A=b=c"], "Healthcheck": {"Test": ["CMD-SHELL", "x"], "Interval": 2_000_000_000_u64}},
            "NetworkSettings": {
                "Ports": {
                    "5432/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32768"}, {"HostIp": "::1", "HostPort": "32769"}],
                    "80/tcp": null,
                },
                "Networks": {"checkmill-1": {"IPAddress": "10.89.0.2", "Gateway": "10.89.0.1"}},
            },
        }]);
        let seen = Inspected::parse(&answer.to_string()).unwrap();
        assert_eq!((seen.id.as_str(), seen.running, seen.exit_code), ("abc", true, 0));
        assert_eq!(seen.health, Some(Health::Starting));
        assert_eq!(seen.interval, Duration::from_secs(2));
        assert_eq!(
            seen.ports,
            BTreeMap::from([("5432".to_owned(), "32768".to_owned())])
        );
        assert_eq!(seen.address.as_deref(), Some("10.89.0.2"));
        assert_eq!((seen.variable("A"), seen.variable("B")), (Some("b=c"), None));
    }

    #[test]
    fn without_a_check_there_is_no_health() {
        let answer = json!([{"Id": "x", "State": {"Running": false, "ExitCode": 3, "Health": {"Status": ""}}, "Config": {}}]);
        let seen = Inspected::parse(&answer.to_string()).unwrap();
        assert_eq!((seen.health, seen.running, seen.exit_code), (None, false, 3));
        assert_eq!(seen.address, None, "it is in no network");
        assert!(Inspected::parse("[]").is_err());
        assert!(Inspected::parse("Error").is_err());
    }
}
