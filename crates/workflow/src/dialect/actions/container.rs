//! `container` and `services`: their shape, before and after their expressions are evaluated.
//!
//! GitHub docs, "Workflow syntax", `jobs.<job_id>.container` and `jobs.<job_id>.services`; where they are silent, its runner's
//! `PipelineTemplateConverter`: `docker://` before an image is left out, and without an image there is no container.

use super::container_options::{ALLOW, Wrong, options};
use super::{common, keys};
use crate::diagnostic::quoted;
use crate::expr::{Place, untrusted_references_of_action};
use crate::job::{CONTAINER_WORK, Container, Credentials, Service};
use crate::keys::Keys;
use crate::read::{Fields, Reader};
use crate::text::{Text, has_expression};
use crate::words::{Unclosed, words};
use crate::yaml::{Entry, Node, Value};
use checkmill_core::limits;
use checkmill_core::policy::ContainerPolicy;
use std::collections::BTreeMap;

/// An image reference in this many characters: a registry has at most 255, and so has a name in it.
const IMAGE_CHARS: usize = 512;

/// What is known when a container is read.
#[derive(Clone, Copy)]
pub(crate) enum Given {
    /// The file alone: expressions are open.
    File,
    /// All but `env` and `credentials`, which the agent evaluates.
    Evaluated(ContainerPolicy),
    /// All of it: the whole was an expression, so what looks like one in it is none.
    Made(ContainerPolicy),
}

impl Given {
    /// The file is judged as the policy that allows most would have it.
    const fn policy(self) -> ContainerPolicy {
        match self {
            Self::File => ContainerPolicy::Any,
            Self::Evaluated(policy) | Self::Made(policy) => policy,
        }
    }
}

/// What differs between the two.
struct Kind {
    is_service: bool,
    keys: &'static Keys,
    credentials_keys: &'static Keys,
    place: Place,
    credentials: Place,
    env: Place,
}

const CONTAINER: Kind = Kind {
    is_service: false,
    keys: &keys::CONTAINER,
    credentials_keys: &keys::CONTAINER_CREDENTIALS,
    place: Place::JobContainer,
    credentials: Place::JobContainerCredentials,
    env: Place::JobContainerEnv,
};

const SERVICE: Kind = Kind {
    is_service: true,
    keys: &keys::SERVICE,
    credentials_keys: &keys::SERVICE_CREDENTIALS,
    place: Place::JobServices,
    credentials: Place::JobServicesCredentials,
    env: Place::JobServicesEnv,
};

/// Reports what is wrong with `container` already before the expressions are evaluated.
pub(super) fn check(reader: &mut Reader<'_>, entry: &Entry) {
    if entry.value.value == Value::Null {
        reader.report_with(
            entry.key_span,
            "`container` is empty",
            "name an image, such as `container: node:22`",
        );
        return;
    }
    container(reader, &entry.value, Given::File);
}

/// The same of `services`.
pub(super) fn check_services(reader: &mut Reader<'_>, node: &Node) {
    services(reader, node, Given::File);
}

/// The container; none without an image, and where something is reported.
pub(crate) fn container(reader: &mut Reader<'_>, node: &Node, given: Given) -> Option<Container> {
    let mut one = One {
        reader,
        kind: &CONTAINER,
        given,
        what: "`container`".to_owned(),
    };
    one.read(node)
}

/// The services that have an image, in the order of the file.
pub(crate) fn services(reader: &mut Reader<'_>, node: &Node, given: Given) -> Vec<Service> {
    match &node.value {
        Value::Null => return Vec::new(),
        Value::Text(text) if matches!(given, Given::File) && has_expression(text) => {
            reader.template(node, "`services`", Place::JobServices);
            return Vec::new();
        }
        _ => {}
    }
    let Some(entries) = reader.map(node, "`services`") else {
        return Vec::new();
    };
    if let Some(entry) = entries.get(limits::SERVICES) {
        let message = format!("a job can have at most {} services", limits::SERVICES);
        reader.report(entry.key_span, message);
        return Vec::new();
    }
    let mut taken = Vec::new();
    let mut read = Vec::new();
    for entry in entries {
        let valid = common::id(reader, &entry.key, entry.key_span, "the service id", &mut taken);
        let mut one = One {
            reader,
            kind: &SERVICE,
            given,
            what: format!("the service `{}`", quoted(&entry.key)),
        };
        let container = one.read(&entry.value).filter(|_| valid);
        read.extend(container.map(|container| Service {
            id: entry.key.clone(),
            container,
        }));
    }
    read
}

/// A container that is being read.
struct One<'r, 's> {
    reader: &'r mut Reader<'s>,
    kind: &'static Kind,
    given: Given,
    /// For messages.
    what: String,
}

impl One<'_, '_> {
    fn read(&mut self, node: &Node) -> Option<Container> {
        match &node.value {
            Value::Map(_) => self.mapping(node),
            Value::Null if !matches!(self.given, Given::File) => None,
            Value::Null | Value::List(_) => {
                let what = self.what.clone();
                self.reader.wrong_type(node, &what, "an image or a mapping");
                None
            }
            _ => Some(Container {
                image: self.image(node)?,
                engine_socket: self.given.policy() == ContainerPolicy::Any,
                ..Container::default()
            }),
        }
    }

    fn mapping(&mut self, node: &Node) -> Option<Container> {
        let what = self.what.clone();
        let fields = self.reader.fields(node, self.kind.keys, &what)?;
        let image = match fields.get("image") {
            Some(node) => self.image(node),
            None => {
                self.reader.report(node.span, format!("{what} has no `image`"));
                None
            }
        };
        let credentials = fields.get("credentials").and_then(|node| self.credentials(node));
        let env = fields.get("env").map(|node| self.env(node));
        let ports = self.list(&fields, "ports", Self::port);
        let volumes = self.list(&fields, "volumes", Self::volume);
        let options = fields.get("options").and_then(|node| self.options(node));
        let entrypoint = fields
            .get("entrypoint")
            .and_then(|node| self.words(node, "`entrypoint`"));
        let command = fields
            .get("command")
            .and_then(|node| self.words(node, "`command`"));
        let mut entrypoint = entrypoint.unwrap_or_default().into_iter();
        Some(Container {
            image: image?,
            optional: false,
            credentials,
            env: env.unwrap_or_default(),
            ports,
            volumes,
            options: options.unwrap_or_default(),
            // The engine takes one word; what follows comes before the command.
            entrypoint: entrypoint.next(),
            command: entrypoint.chain(command.unwrap_or_default()).collect(),
            engine_socket: self.given.policy() == ContainerPolicy::Any,
        })
    }

    /// A text that is known; one with an expression of the file is only checked.
    fn text(&mut self, node: &Node, what: &str) -> Option<Text> {
        if node.value == Value::Null && !matches!(self.given, Given::File) {
            return None;
        }
        let text = self.reader.text(node, what)?;
        if matches!(self.given, Given::File) {
            self.reader.check(&text, self.kind.place);
            if text.has_expression() {
                return None;
            }
        }
        Some(text)
    }

    /// None without one: GitHub docs, `services.<service_id>.image`: "an empty string, the service will not start".
    fn image(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node, "`image`")?;
        let value = text.value.trim();
        let value = value.strip_prefix("docker://").unwrap_or(value);
        if value.is_empty() {
            return None;
        }
        let known = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
        let is_image = value.starts_with(|c: char| c.is_ascii_alphanumeric())
            && value.chars().all(known)
            && value.len() <= IMAGE_CHARS;
        if !is_image {
            let message = format!("`{}` is not an image reference", quoted(value));
            let hint = "write it as `ubuntu:22.04` or `ghcr.io/owner/image:tag`";
            self.reader.report_with(text.span, message, hint);
            return None;
        }
        Some(value.to_owned())
    }

    fn credentials(&mut self, node: &Node) -> Option<Credentials> {
        if node.value == Value::Null {
            return None;
        }
        let fields = self
            .reader
            .fields(node, self.kind.credentials_keys, "`credentials`")?;
        let mut text = |key: &str| match fields.get(key) {
            Some(node) => {
                let text = self
                    .reader
                    .template(node, &format!("`{key}`"), self.kind.credentials)?;
                Some(self.kept(&text))
            }
            None => {
                self.reader
                    .report(node.span, format!("`credentials` has no `{key}`"));
                None
            }
        };
        let (username, password) = (text("username"), text("password"));
        Some(Credentials {
            username: username?,
            password: password?,
        })
    }

    fn env(&mut self, node: &Node) -> BTreeMap<String, String> {
        let entries = common::env(self.reader, node, self.kind.env);
        let entry = |entry: crate::model::EnvEntry| (entry.name, self.kept(&entry.value));
        entries.into_iter().map(entry).collect()
    }

    /// A text as the agent, who evaluates it, must have it.
    fn kept(&self, text: &Text) -> String {
        match self.given {
            Given::Made(_) => Text::verbatim(&text.value, text.span).value,
            Given::File | Given::Evaluated(_) => text.value.clone(),
        }
    }

    fn list(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        read: impl Fn(&mut Self, &Text) -> Option<String>,
    ) -> Vec<String> {
        let what = format!("`{key}`");
        let Some(node) = fields.get(key) else {
            return Vec::new();
        };
        match &node.value {
            Value::Null => return Vec::new(),
            Value::Text(text) if matches!(self.given, Given::File) && has_expression(text) => {
                self.reader.template(node, &what, self.kind.place);
                return Vec::new();
            }
            _ => {}
        }
        let item = format!("an item of {what}");
        let items = self.reader.list(node, &what).unwrap_or_default();
        let mut texts = Vec::with_capacity(items.len());
        for node in items {
            if key == "volumes" && self.is_outsiders(node, &item) {
                continue;
            }
            texts.extend(self.text(node, &item));
        }
        texts.iter().filter_map(|text| read(self, text)).collect()
    }

    /// Reports a text that the event has a part in, where a part may be another option or another path.
    fn is_outsiders(&mut self, node: &Node, what: &str) -> bool {
        let found = match (&node.value, self.given) {
            (Value::Text(text), Given::File) => untrusted_references_of_action(text)
                .into_iter()
                .any(|reference| !reference.expression.eq_ignore_ascii_case("github.workspace")),
            _ => false,
        };
        if found {
            let message =
                format!("{what} must not hold text that outsiders may choose, such as a branch or a title");
            self.reader.report_with(node.span, message, "pass it with `env`");
        }
        found
    }

    fn options(&mut self, node: &Node) -> Option<Vec<String>> {
        if self.is_outsiders(node, "`options`") {
            return None;
        }
        let words = self.words(node, "`options`")?;
        match options(words, self.kind.is_service, self.given.policy()) {
            Ok(options) => Some(options),
            Err(Wrong { message, hint }) => {
                self.reader.report_with(node.span, message, hint);
                None
            }
        }
    }

    fn words(&mut self, node: &Node, what: &str) -> Option<Vec<String>> {
        let text = self.text(node, what)?;
        match words(&text.value) {
            Ok(words) => Some(words),
            Err(Unclosed(quote)) => {
                let message = format!("{what} has a {quote} that is not closed");
                self.reader.report(node.span, message);
                None
            }
        }
    }

    fn port(&mut self, text: &Text) -> Option<String> {
        let port = text.value.trim();
        if is_port(port) {
            return Some(port.to_owned());
        }
        let message = format!("`{}` is not a port", quoted(port));
        let hint = "write `80`, `8080:80` or `127.0.0.1:8080:80/tcp`";
        self.reader.report_with(text.span, message, hint);
        None
    }

    fn volume(&mut self, text: &Text) -> Option<String> {
        let volume = text.value.trim();
        let (message, hint) = match source(volume) {
            Some(Source::None | Source::Named | Source::Work) => return Some(volume.to_owned()),
            Some(Source::Machine) if self.given.policy() == ContainerPolicy::Any => {
                return Some(volume.to_owned());
            }
            Some(Source::Machine) => (
                format!(
                    "the repository's policy does not allow the volume `{}`, a path of the machine",
                    quoted(volume)
                ),
                ALLOW,
            ),
            None => (
                format!("`{}` is not a volume", quoted(volume)),
                "write `name:/path`, `/path` or `/source:/path`, with `:ro` behind it for one that is only read",
            ),
        };
        self.reader.report_with(text.span, message, hint);
        None
    }
}

/// What a volume is made of.
enum Source {
    /// Nothing: it is empty and nobody's.
    None,
    Named,
    /// A directory of the job itself.
    Work,
    Machine,
}

fn source(volume: &str) -> Option<Source> {
    let parts: Vec<&str> = volume.split(':').collect();
    let (source, target, mode) = match parts[..] {
        [target] => (None, target, None),
        [source, target] => (Some(source), target, None),
        [source, target, mode] => (Some(source), target, Some(mode)),
        _ => return None,
    };
    let is_mode = |mode: &str| !mode.is_empty() && mode.chars().all(|c| c.is_ascii_alphabetic() || c == ',');
    if !target.starts_with('/') || volume.contains(char::is_control) || !mode.is_none_or(is_mode) {
        return None;
    }
    let Some(source) = source else {
        return Some(Source::None);
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if source.starts_with('/') {
        let of_work = source
            .strip_prefix(CONTAINER_WORK)
            .is_some_and(|rest| rest.starts_with('/'));
        let leads_out = source.split('/').any(|part| part == "..");
        return Some(if of_work && !leads_out {
            Source::Work
        } else {
            Source::Machine
        });
    }
    let is_name = source.starts_with(|c: char| c.is_ascii_alphanumeric()) && source.chars().all(plain);
    is_name.then_some(Source::Named)
}

/// `[[ip:]port:]port[/protocol]`, each port a number or a range.
fn is_port(text: &str) -> bool {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let number = |text: &str| text.parse::<u16>().is_ok_and(|port| port > 0);
    let range = |text: &str| match text.split_once('-') {
        Some((first, last)) => number(first) && number(last),
        None => number(text),
    };
    let mut parts = ports.rsplit(':');
    ["tcp", "udp", "sctp"].contains(&protocol)
        && parts.next().is_some_and(range)
        && parts.next().is_none_or(|text| text.is_empty() || range(text))
        && parts
            .next()
            .is_none_or(|text| text.parse::<std::net::Ipv4Addr>().is_ok())
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::is_port;

    #[test]
    fn ports() {
        for text in [
            "80",
            "8080:80",
            "127.0.0.1:8080:80",
            "127.0.0.1::80",
            "53:53/udp",
            "7000-7002:7000-7002",
        ] {
            assert!(is_port(text), "{text}");
        }
        for text in [
            "",
            "0",
            "70000",
            "a",
            "80/http",
            "x:80:80",
            "1:2:3:4",
            "80:",
            "--privileged",
            "-1",
        ] {
            assert!(!is_port(text), "{text}");
        }
    }
}
