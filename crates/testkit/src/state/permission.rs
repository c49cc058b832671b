//! Permissions of Apps, installations and tokens.

pub use checkmill_core::policy::Access;
use std::collections::BTreeMap;

macro_rules! permissions {
    ($($variant:ident => $name:literal),+ $(,)?) => {
        /// A permission of a GitHub App. GitHub docs, "Permissions required for GitHub Apps"; those of repositories.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission { $($variant),+ }

        impl Permission {
            /// As GitHub writes it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// None for a name that is not one of GitHub's.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

permissions! {
    Actions => "actions",
    Administration => "administration",
    Attestations => "attestations",
    Checks => "checks",
    Contents => "contents",
    Deployments => "deployments",
    Discussions => "discussions",
    Environments => "environments",
    Issues => "issues",
    Members => "members",
    Metadata => "metadata",
    Packages => "packages",
    Pages => "pages",
    PullRequests => "pull_requests",
    RepositoryHooks => "repository_hooks",
    Secrets => "secrets",
    SecurityEvents => "security_events",
    SingleFile => "single_file",
    Statuses => "statuses",
    VulnerabilityAlerts => "vulnerability_alerts",
    Workflows => "workflows",
}

/// Access by permission; absent means none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions(pub BTreeMap<Permission, Access>);

impl Permissions {
    #[must_use]
    pub fn new(list: &[(Permission, Access)]) -> Self {
        Self(list.iter().copied().collect())
    }

    /// What Checkmill's App asks for: README, "Creating the App".
    #[must_use]
    pub fn of_checkmill() -> Self {
        Self::new(&[
            (Permission::Checks, Access::Write),
            (Permission::Contents, Access::Read),
            (Permission::Issues, Access::Write),
            (Permission::Metadata, Access::Read),
            (Permission::PullRequests, Access::Write),
        ])
    }

    #[must_use]
    pub fn allow(&self, permission: Permission, access: Access) -> bool {
        self.0.get(&permission).is_some_and(|have| *have >= access)
    }
}
