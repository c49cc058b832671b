//! Where the process backend finds itself. A process that a real Lambda starts is frozen when the call returns and gone
//! soon after, so the backend refuses to work there.

/// Decided by settings, from the environment ([`Host::detect`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// A machine that goes on running.
    Machine,
    /// A Lambda function.
    Lambda {
        /// Its AWS is an emulator on this machine, so the function is a process of the machine.
        emulated: bool,
    },
}

impl Host {
    /// From `AWS_LAMBDA_RUNTIME_API` and `AWS_ENDPOINT_URL`, as they are in the environment. AWS sets the first one in every
    /// function; nobody points the second one at the loopback interface but for an emulator.
    #[must_use]
    pub fn detect(lambda_runtime_api: Option<&str>, aws_endpoint_url: Option<&str>) -> Self {
        match lambda_runtime_api {
            None | Some("") => Self::Machine,
            Some(_) => Self::Lambda {
                emulated: aws_endpoint_url.is_some_and(is_loopback),
            },
        }
    }

    /// Why a process started here would not live; none where it would.
    #[must_use]
    pub const fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Machine | Self::Lambda { emulated: true } => None,
            Self::Lambda { emulated: false } => Some(
                "a Lambda function can't run jobs as processes: it is frozen when its call returns and ends after 15 \
                 minutes. Configure a backend with compute of its own (Slurm, Lightning AI, Firecracker hosts, AWS), \
                 or run `checkmill serve` on a machine",
            ),
        }
    }
}

fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::Host;

    #[test]
    fn a_lambda_counts_as_emulated_only_with_an_endpoint_on_this_machine() {
        let api = Some("127.0.0.1:9001");
        let lambda = |emulated| Host::Lambda { emulated };
        let table = [
            (None, None, Host::Machine),
            (Some(""), None, Host::Machine),
            (None, Some("http://127.0.0.1:4566"), Host::Machine),
            (api, None, lambda(false)),
            (api, Some("http://127.0.0.1:4566"), lambda(true)),
            (api, Some("http://127.8.0.1:4566/x"), lambda(true)),
            (api, Some("http://[::1]:4566"), lambda(true)),
            (api, Some("http://LOCALHOST:4566"), lambda(true)),
            (api, Some("http://sqs.localhost:4566"), lambda(true)),
            (api, Some("https://sqs.eu-central-1.amazonaws.com"), lambda(false)),
            (api, Some("https://localhost.example.com"), lambda(false)),
            (api, Some("https://localhost@example.com"), lambda(false)),
            (api, Some("https://example.com/localhost"), lambda(false)),
            (api, Some("127.0.0.1:4566"), lambda(true)),
            (api, Some("nonsense"), lambda(false)),
        ];
        for (runtime_api, endpoint, expected) in table {
            assert_eq!(
                Host::detect(runtime_api, endpoint),
                expected,
                "{runtime_api:?} {endpoint:?}"
            );
        }
    }

    #[test]
    fn only_a_real_lambda_refuses_and_it_names_the_alternatives() {
        assert_eq!(Host::Machine.refusal(), None);
        assert_eq!(Host::Lambda { emulated: true }.refusal(), None);
        let refusal = Host::Lambda { emulated: false }.refusal().unwrap();
        for alternative in ["Slurm", "Lightning AI", "Firecracker", "AWS", "checkmill serve"] {
            assert!(
                refusal.contains(alternative),
                "{alternative} is missing in: {refusal}"
            );
        }
    }
}
