//! Actions of others that many workflows use: what they are, and what they bring. Their own files decide when a job runs;
//! this is what can be said without downloading them.

use checkmill_workflow::uses::RepositoryAction;

/// How an action runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    JavaScript,
    Composite,
}

/// A well-known action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    name: &'static str,
    pub(super) kind: Kind,
    /// What it sets up.
    pub(super) brings: Option<&'static str>,
    /// It keeps a cache of dependencies by itself.
    pub(super) caches: bool,
    /// The input that switches a cache on.
    pub(super) cache_input: Option<&'static str>,
}

const fn setup(name: &'static str, brings: &'static str, cache_input: Option<&'static str>) -> Known {
    Known {
        name,
        kind: Kind::JavaScript,
        brings: Some(brings),
        caches: false,
        cache_input,
    }
}

const fn other(name: &'static str, kind: Kind) -> Known {
    Known {
        name,
        kind,
        brings: None,
        caches: false,
        cache_input: None,
    }
}

const KNOWN: [Known; 27] = [
    Known {
        caches: true,
        ..setup("actions/setup-go", "Go", None)
    },
    setup("actions/setup-dotnet", ".NET", Some("cache")),
    setup("actions/setup-java", "Java", Some("cache")),
    setup("actions/setup-node", "Node.js", Some("cache")),
    setup("actions/setup-python", "Python", Some("cache")),
    Known {
        caches: true,
        ..setup("astral-sh/setup-uv", "uv", None)
    },
    setup("azure/setup-helm", "Helm", None),
    setup("denoland/setup-deno", "Deno", Some("cache")),
    setup("erlef/setup-beam", "Erlang and Elixir", None),
    setup("hashicorp/setup-terraform", "Terraform", None),
    setup("oven-sh/setup-bun", "Bun", None),
    setup("pnpm/action-setup", "pnpm", None),
    setup("ruby/setup-ruby", "Ruby", Some("bundler-cache")),
    setup("shivammathur/setup-php", "PHP", None),
    Known {
        kind: Kind::Composite,
        ..setup("dtolnay/rust-toolchain", "Rust", None)
    },
    Known {
        kind: Kind::Composite,
        caches: true,
        ..setup("actions-rust-lang/setup-rust-toolchain", "Rust", None)
    },
    setup("actions-rs/toolchain", "Rust", None),
    setup("docker/setup-buildx-action", "Docker Buildx", None),
    Known {
        caches: true,
        ..other("swatinem/rust-cache", Kind::JavaScript)
    },
    Known {
        kind: Kind::Composite,
        ..setup("taiki-e/install-action", "the tools it is given", None)
    },
    other("actions/github-script", Kind::JavaScript),
    other("docker/build-push-action", Kind::JavaScript),
    other("docker/login-action", Kind::JavaScript),
    other("docker/metadata-action", Kind::JavaScript),
    other("golangci/golangci-lint-action", Kind::JavaScript),
    other("pre-commit/action", Kind::Composite),
    other("softprops/action-gh-release", Kind::JavaScript),
];

/// What is known of an action.
pub(super) fn known(action: &RepositoryAction) -> Option<&'static Known> {
    if !action.path.is_empty() {
        return None;
    }
    let name = action.repository();
    KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(&name))
}
