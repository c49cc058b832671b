//! Workflow commands: lines of the form `::name key=value,key=value::message` by which a step talks to the runner (GitHub
//! docs: "Workflow commands for GitHub Actions").

use checkmill_workflow::job::ResultLevel;

/// A line that has the form of a command and a name we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Group(String),
    EndGroup,
    Annotation(Annotation),
    Debug(String),
    AddMask(String),
    /// No commands until `::TOKEN::`.
    StopCommands(String),
    /// Deprecated by GitHub, still there.
    SetOutput {
        name: String,
        value: String,
    },
    /// Deprecated by GitHub, still there.
    SaveState {
        name: String,
        value: String,
    },
    Echo,
    /// Removed by GitHub because printed text from outside could use them.
    Disabled(String),
    /// Registers the problem matchers of a file.
    AddMatcher(String),
    /// Removes the matcher of this owner; without one, all that the file names.
    RemoveMatcher {
        owner: Option<String>,
        file: String,
    },
    /// A known command that lacks something, with what.
    Malformed(String),
}

/// A line about the code. Numbers that aren't any are left out, as GitHub does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    pub level: ResultLevel,
    pub message: String,
    pub title: Option<String>,
    pub file: Option<String>,
    pub line: Option<u32>,
    pub end_line: Option<u32>,
    pub column: Option<u32>,
    pub end_column: Option<u32>,
}

/// Reads a line; none where it is ordinary text.
#[must_use]
pub fn parse(line: &str) -> Option<Command> {
    let (head, message) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let properties = Properties::parse(properties);
    let message = unescape_message(message);
    let command = match name.to_ascii_lowercase().as_str() {
        "group" => Command::Group(message),
        "endgroup" => Command::EndGroup,
        "error" => annotation(ResultLevel::Error, message, &properties),
        "warning" => annotation(ResultLevel::Warning, message, &properties),
        "notice" => annotation(ResultLevel::Notice, message, &properties),
        "debug" => Command::Debug(message),
        "add-mask" if message.trim().is_empty() => {
            Command::Malformed("add-mask needs a value to hide".to_owned())
        }
        "add-mask" => Command::AddMask(message),
        "stop-commands" if message.trim().is_empty() => {
            Command::Malformed("stop-commands needs the word that ends it".to_owned())
        }
        "stop-commands" => Command::StopCommands(message.trim().to_owned()),
        "set-output" => match properties.get("name") {
            Some(name) => Command::SetOutput { name, value: message },
            None => Command::Malformed("set-output needs a name".to_owned()),
        },
        "save-state" => match properties.get("name") {
            Some(name) => Command::SaveState { name, value: message },
            None => Command::Malformed("save-state needs a name".to_owned()),
        },
        "echo" => Command::Echo,
        disabled @ ("set-env" | "add-path") => Command::Disabled(disabled.to_owned()),
        "add-matcher" if message.trim().is_empty() => {
            Command::Malformed("add-matcher needs a file".to_owned())
        }
        "add-matcher" => Command::AddMatcher(message.trim().to_owned()),
        "remove-matcher" => match (properties.get("owner"), message.trim()) {
            (None, "") => Command::Malformed("remove-matcher needs an owner or a file".to_owned()),
            (owner, file) => Command::RemoveMatcher {
                owner,
                file: file.to_owned(),
            },
        },
        _ => return None,
    };
    Some(command)
}

fn annotation(level: ResultLevel, message: String, properties: &Properties<'_>) -> Command {
    let number = |name| {
        properties
            .get(name)
            .and_then(|text| text.trim().parse::<u32>().ok())
    };
    Command::Annotation(Annotation {
        level,
        message,
        title: properties.get("title"),
        file: properties.get("file"),
        line: number("line"),
        end_line: number("endline"),
        column: number("col"),
        end_column: number("endcolumn"),
    })
}

/// `key=value` pairs between commas; names in any case, empty values are none.
struct Properties<'a>(Vec<(String, &'a str)>);

impl<'a> Properties<'a> {
    fn parse(text: &'a str) -> Self {
        let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
        Self(
            pairs
                .map(|(name, value)| (name.trim().to_ascii_lowercase(), value))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<String> {
        let (_, value) = self
            .0
            .iter()
            .rev()
            .find(|(known, value)| known == name && !value.is_empty())?;
        Some(unescape_property(value))
    }
}

fn unescape_message(text: &str) -> String {
    text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
}

fn unescape_property(text: &str) -> String {
    let text = text
        .replace("%0D", "\r")
        .replace("%0A", "\n")
        .replace("%3A", ":")
        .replace("%2C", ",");
    text.replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(level: ResultLevel, message: &str) -> Annotation {
        Annotation {
            level,
            message: message.to_owned(),
            title: None,
            file: None,
            line: None,
            end_line: None,
            column: None,
            end_column: None,
        }
    }

    #[test]
    fn commands_as_github_documents_them() {
        let full = Annotation {
            title: Some("A, B: 100%".into()),
            file: Some("src/a,b.rs".into()),
            line: Some(3),
            end_line: Some(5),
            column: Some(7),
            end_column: Some(9),
            ..plain(ResultLevel::Error, "first\nsecond 100%0A")
        };
        let table = [
            ("::group::My title", Command::Group("My title".into())),
            ("::endgroup::", Command::EndGroup),
            (
                "  ::ERROR::oh",
                Command::Annotation(plain(ResultLevel::Error, "oh")),
            ),
            (
                "::warning ::",
                Command::Annotation(plain(ResultLevel::Warning, "")),
            ),
            (
                "::notice file=,line=x::hm: a::b",
                Command::Annotation(plain(ResultLevel::Notice, "hm: a::b")),
            ),
            (
                "::error file=src/a%2Cb.rs,line=3,endLine=5,col=7,endColumn=9,title=A%2C B%3A 100%25::first%0Asecond 100%250A",
                Command::Annotation(full),
            ),
            ("::debug::x", Command::Debug("x".into())),
            ("::add-mask::s3cret", Command::AddMask("s3cret".into())),
            (
                "::add-mask:: ",
                Command::Malformed("add-mask needs a value to hide".into()),
            ),
            ("::stop-commands::pause", Command::StopCommands("pause".into())),
            (
                "::set-output name=a::b",
                Command::SetOutput {
                    name: "a".into(),
                    value: "b".into(),
                },
            ),
            (
                "::set-output::b",
                Command::Malformed("set-output needs a name".into()),
            ),
            (
                "::save-state name=a::b",
                Command::SaveState {
                    name: "a".into(),
                    value: "b".into(),
                },
            ),
            ("::set-env name=PATH::/evil", Command::Disabled("set-env".into())),
            ("::add-path::/evil", Command::Disabled("add-path".into())),
            ("::add-matcher::x.json", Command::AddMatcher("x.json".into())),
            (
                "::add-matcher::",
                Command::Malformed("add-matcher needs a file".into()),
            ),
            (
                "::remove-matcher owner=eslint-stylish::",
                Command::RemoveMatcher {
                    owner: Some("eslint-stylish".into()),
                    file: String::new(),
                },
            ),
            (
                "::remove-matcher::x.json",
                Command::RemoveMatcher {
                    owner: None,
                    file: "x.json".into(),
                },
            ),
            (
                "::remove-matcher::",
                Command::Malformed("remove-matcher needs an owner or a file".into()),
            ),
        ];
        for (line, expected) in table {
            assert_eq!(parse(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn ordinary_text_stays_text() {
        for line in [
            "",
            "::",
            ":: ::",
            "::error",
            "a ::error::b",
            ":error:: x",
            "::unknown::x",
            "std::vec::Vec",
            "::std::vec::Vec",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_message_survives_its_escapes(message in any::<String>()) {
            let escaped = message.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
            let parsed = parse(&format!("::group::{escaped}"));
            prop_assert_eq!(parsed, Some(Command::Group(message)));
        }
    }
}
