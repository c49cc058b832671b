//! What expressions of one module can see.

use super::{argument, functions};
use crate::aws::REGION;
use hcl::eval::{Context, Evaluate};
use hcl::{Body, Map, Value};
use std::path::PathBuf;

/// The emulator's one account.
const ACCOUNT: &str = "000000000000";

/// `each` of a block with `for_each`.
#[derive(Debug)]
pub(super) struct Each {
    pub(super) key: String,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) struct Scope {
    pub(super) dir: PathBuf,
    variables: Map<String, Value>,
    pub(super) locals: Map<String, Value>,
    resources: Map<String, Map<String, Value>>,
    pub(super) modules: Map<String, Value>,
    pub(super) outputs: Map<String, Value>,
}

impl Scope {
    /// The variables are those given, or their defaults.
    pub(super) fn new(dir: PathBuf, body: &Body, mut given: Map<String, Value>) -> anyhow::Result<Self> {
        let mut variables = Map::new();
        for block in body.blocks().filter(|block| block.identifier() == "variable") {
            let Some(name) = block.labels().first().map(hcl::BlockLabel::as_str) else {
                continue;
            };
            let default = argument(block.body(), "default")
                .map(|value| value.evaluate(&Context::new()))
                .transpose()?;
            let value = given
                .shift_remove(name)
                .filter(|value| !value.is_null())
                .or(default);
            variables.insert(name.to_owned(), value.unwrap_or(Value::Null));
        }
        anyhow::ensure!(
            given.is_empty(),
            "{} has no variables {:?}",
            dir.display(),
            given.keys()
        );
        Ok(Self {
            dir,
            variables,
            locals: Map::new(),
            resources: Map::new(),
            modules: Map::new(),
            outputs: Map::new(),
        })
    }

    pub(super) fn add_resource(&mut self, kind: &str, name: &str, value: Value) {
        self.resources
            .entry(kind.to_owned())
            .or_default()
            .insert(name.to_owned(), value);
    }

    pub(super) fn context(&self, each: Option<&Each>) -> Context<'_> {
        let mut context = Context::new();
        functions::declare(&mut context);
        context.declare_var("var", Value::Object(self.variables.clone()));
        context.declare_var("local", Value::Object(self.locals.clone()));
        context.declare_var("module", Value::Object(self.modules.clone()));
        context.declare_var(
            "path",
            hcl::value!({ "module" = (self.dir.display().to_string()) }),
        );
        context.declare_var(
            "data",
            hcl::value!({
                aws_caller_identity = { current = { account_id = ACCOUNT } }
                aws_partition = { current = { partition = "aws" } }
                aws_region = { current = { id = REGION } }
            }),
        );
        for (kind, named) in &self.resources {
            context.declare_var(kind.as_str(), Value::Object(named.clone()));
        }
        if let Some(each) = each {
            let value = Map::from_iter([
                ("key".to_owned(), Value::from(each.key.clone())),
                ("value".to_owned(), each.value.clone()),
            ]);
            context.declare_var("each", Value::Object(value));
        }
        context
    }
}
