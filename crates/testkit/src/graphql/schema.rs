//! The part of GitHub's GraphQL schema that the fake knows. Source: GitHub docs, GraphQL reference. Anything outside it is
//! an error, as a wrong name is on GitHub.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeName {
    Query,
    Repository,
    RepositoryOwner,
    Ref,
    GitObject,
    Blob,
    Commit,
    Tree,
    Tag,
    TreeEntry,
    GitActor,
    RateLimit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar,
    Object(TypeName),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArgType {
    Text,
    Boolean,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Arg {
    pub(super) name: &'static str,
    pub(super) of: ArgType,
    pub(super) required: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct FieldDef {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) args: &'static [Arg],
}

const fn scalar(name: &'static str) -> FieldDef {
    FieldDef {
        name,
        kind: Kind::Scalar,
        args: &[],
    }
}

const fn object(name: &'static str, of: TypeName, args: &'static [Arg]) -> FieldDef {
    FieldDef {
        name,
        kind: Kind::Object(of),
        args,
    }
}

const fn text_arg(name: &'static str, required: bool) -> Arg {
    Arg {
        name,
        of: ArgType::Text,
        required,
    }
}

const fn boolean_arg(name: &'static str) -> Arg {
    Arg {
        name,
        of: ArgType::Boolean,
        required: false,
    }
}

const QUERY: &[FieldDef] = &[
    object(
        "repository",
        TypeName::Repository,
        &[
            text_arg("owner", true),
            text_arg("name", true),
            boolean_arg("followRenames"),
        ],
    ),
    object("rateLimit", TypeName::RateLimit, &[boolean_arg("dryRun")]),
];

const REPOSITORY: &[FieldDef] = &[
    scalar("id"),
    scalar("databaseId"),
    scalar("name"),
    scalar("nameWithOwner"),
    scalar("isPrivate"),
    scalar("isFork"),
    scalar("isArchived"),
    scalar("url"),
    object("owner", TypeName::RepositoryOwner, &[]),
    object("defaultBranchRef", TypeName::Ref, &[]),
    object(
        "object",
        TypeName::GitObject,
        &[text_arg("expression", false), text_arg("oid", false)],
    ),
    object("ref", TypeName::Ref, &[text_arg("qualifiedName", true)]),
];

const OWNER: &[FieldDef] = &[scalar("id"), scalar("login"), scalar("url")];

const REF: &[FieldDef] = &[
    scalar("id"),
    scalar("name"),
    scalar("prefix"),
    object("target", TypeName::GitObject, &[]),
];

const GIT_OBJECT: &[FieldDef] = &[scalar("id"), scalar("oid"), scalar("abbreviatedOid")];

const BLOB: &[FieldDef] = &[
    scalar("id"),
    scalar("oid"),
    scalar("abbreviatedOid"),
    scalar("byteSize"),
    scalar("isBinary"),
    scalar("isTruncated"),
    scalar("text"),
];

const COMMIT: &[FieldDef] = &[
    scalar("id"),
    scalar("oid"),
    scalar("abbreviatedOid"),
    scalar("message"),
    scalar("messageHeadline"),
    scalar("messageBody"),
    scalar("authoredDate"),
    scalar("committedDate"),
    object("author", TypeName::GitActor, &[]),
    object("committer", TypeName::GitActor, &[]),
    object("tree", TypeName::Tree, &[]),
    object("file", TypeName::TreeEntry, &[text_arg("path", true)]),
];

const TREE: &[FieldDef] = &[
    scalar("id"),
    scalar("oid"),
    scalar("abbreviatedOid"),
    object("entries", TypeName::TreeEntry, &[]),
];

const TAG: &[FieldDef] = &[
    scalar("id"),
    scalar("oid"),
    scalar("abbreviatedOid"),
    scalar("name"),
    scalar("message"),
    object("target", TypeName::GitObject, &[]),
];

const TREE_ENTRY: &[FieldDef] = &[
    scalar("name"),
    scalar("path"),
    scalar("type"),
    scalar("mode"),
    scalar("oid"),
    scalar("size"),
    scalar("extension"),
    object("object", TypeName::GitObject, &[]),
];

const GIT_ACTOR: &[FieldDef] = &[scalar("name"), scalar("email"), scalar("date")];

const RATE_LIMIT: &[FieldDef] = &[
    scalar("limit"),
    scalar("cost"),
    scalar("used"),
    scalar("remaining"),
    scalar("resetAt"),
    scalar("nodeCount"),
];

const TYPENAME: FieldDef = scalar("__typename");

impl TypeName {
    const ALL: &'static [Self] = &[
        Self::Query,
        Self::Repository,
        Self::RepositoryOwner,
        Self::Ref,
        Self::GitObject,
        Self::Blob,
        Self::Commit,
        Self::Tree,
        Self::Tag,
        Self::TreeEntry,
        Self::GitActor,
        Self::RateLimit,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "Query",
            Self::Repository => "Repository",
            Self::RepositoryOwner => "RepositoryOwner",
            Self::Ref => "Ref",
            Self::GitObject => "GitObject",
            Self::Blob => "Blob",
            Self::Commit => "Commit",
            Self::Tree => "Tree",
            Self::Tag => "Tag",
            Self::TreeEntry => "TreeEntry",
            Self::GitActor => "GitActor",
            Self::RateLimit => "RateLimit",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|t| t.as_str() == name).copied()
    }

    const fn fields(self) -> &'static [FieldDef] {
        match self {
            Self::Query => QUERY,
            Self::Repository => REPOSITORY,
            Self::RepositoryOwner => OWNER,
            Self::Ref => REF,
            Self::GitObject => GIT_OBJECT,
            Self::Blob => BLOB,
            Self::Commit => COMMIT,
            Self::Tree => TREE,
            Self::Tag => TAG,
            Self::TreeEntry => TREE_ENTRY,
            Self::GitActor => GIT_ACTOR,
            Self::RateLimit => RATE_LIMIT,
        }
    }

    pub(super) fn field(self, name: &str) -> Option<FieldDef> {
        if name == TYPENAME.name {
            return Some(TYPENAME);
        }
        self.fields().iter().find(|f| f.name == name).copied()
    }

    const fn is_git_object(self) -> bool {
        matches!(self, Self::Blob | Self::Commit | Self::Tree | Self::Tag)
    }

    /// Whether an object of this concrete type is one of `other`.
    pub(super) fn is(self, other: Self) -> bool {
        self == other || (other == Self::GitObject && self.is_git_object())
    }

    /// Whether a fragment on `other` can ever apply where this type is expected.
    pub(super) fn may_be(self, other: Self) -> bool {
        self.is(other) || other.is(self)
    }
}
