//! The stack without Terraform: where no provider can be had, this reads the module's own files, evaluates them and makes
//! each resource by a call to AWS. It knows as much of Terraform as `infra/` uses: variables, locals, resources, modules,
//! outputs, `count` and `for_each`; it makes and never changes.

mod functions;
mod resources;
mod scope;

use crate::aws::Aws;
use anyhow::{Context as _, bail};
use hcl::eval::Evaluate;
use hcl::{Block, Body, Expression, Map, Value};
use scope::{Each, Scope};
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;

/// Arguments that are not a resource's own.
const META: [&str; 5] = ["count", "for_each", "depends_on", "source", "lifecycle"];

/// Makes everything in the module at `dir` with these variables; gives its outputs.
pub(crate) async fn build(
    aws: &Aws,
    dir: PathBuf,
    variables: Map<String, Value>,
) -> anyhow::Result<Map<String, Value>> {
    module(aws, dir, variables).await
}

type Built<'a> = Pin<Box<dyn Future<Output = anyhow::Result<Map<String, Value>>> + 'a>>;

/// Boxed, because modules hold modules.
fn module(aws: &Aws, dir: PathBuf, given: Map<String, Value>) -> Built<'_> {
    Box::pin(async move {
        let body = read(&dir)?;
        let mut scope = Scope::new(dir, &body, given)?;
        let mut pending = items(&body);
        // What refers to something that is not made yet waits for the next round.
        while !pending.is_empty() {
            let mut waiting = Vec::new();
            let before = pending.len();
            for item in pending {
                if let Err(missing) = item.make(aws, &mut scope).await? {
                    waiting.push((item, missing));
                }
            }
            if waiting.len() == before {
                let (item, missing) = &waiting[0];
                bail!("{} can't be made: {missing}", item.name());
            }
            pending = waiting.into_iter().map(|(item, _)| item).collect();
        }
        Ok(scope.outputs)
    })
}

/// All `*.tf` files of a directory as one.
fn read(dir: &Path) -> anyhow::Result<Body> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("{} can't be read", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tf") {
            let body =
                hcl::parse(&fs::read_to_string(&path)?).with_context(|| format!("{}", path.display()))?;
            all.extend(body.into_inner());
        }
    }
    Ok(Body(all))
}

/// One thing to be evaluated.
#[derive(Debug)]
enum Item<'b> {
    Local(&'b str, &'b Expression),
    Resource {
        kind: &'b str,
        name: &'b str,
        body: &'b Body,
    },
    Module {
        name: &'b str,
        body: &'b Body,
    },
    Output(&'b str, &'b Expression),
}

fn items(body: &Body) -> Vec<Item<'_>> {
    let mut found = Vec::new();
    for block in body.blocks() {
        let label = |index: usize| {
            block
                .labels()
                .get(index)
                .map(hcl::BlockLabel::as_str)
                .unwrap_or_default()
        };
        match block.identifier() {
            "locals" => found.extend(
                block
                    .body()
                    .attributes()
                    .map(|local| Item::Local(local.key(), local.expr())),
            ),
            "resource" => found.push(Item::Resource {
                kind: label(0),
                name: label(1),
                body: block.body(),
            }),
            "module" => found.push(Item::Module {
                name: label(0),
                body: block.body(),
            }),
            "output" => {
                found.extend(argument(block.body(), "value").map(|value| Item::Output(label(0), value)))
            }
            _ => {}
        }
    }
    found
}

fn argument<'b>(body: &'b Body, name: &str) -> Option<&'b Expression> {
    body.attributes()
        .find(|attribute| attribute.key() == name)
        .map(hcl::Attribute::expr)
}

/// Why something has to wait.
type Missing = String;

impl Item<'_> {
    fn name(&self) -> String {
        match self {
            Self::Local(name, _) => format!("local.{name}"),
            Self::Resource { kind, name, .. } => format!("{kind}.{name}"),
            Self::Module { name, .. } => format!("module.{name}"),
            Self::Output(name, _) => format!("output.{name}"),
        }
    }

    async fn make(&self, aws: &Aws, scope: &mut Scope) -> anyhow::Result<Result<(), Missing>> {
        match self {
            Self::Local(name, expression) => Ok(evaluate(expression, scope, None).map(|value| {
                scope.locals.insert((*name).to_owned(), value);
            })),
            Self::Output(name, expression) => Ok(evaluate(expression, scope, None).map(|value| {
                scope.outputs.insert((*name).to_owned(), value);
            })),
            Self::Resource { kind, name, body } => {
                let plan = match instances(body, scope) {
                    Ok(plan) => plan,
                    Err(missing) => return Ok(Err(missing)),
                };
                let made = plan.make(async |arguments| {
                    resources::make(aws, kind, arguments)
                        .await
                        .with_context(|| format!("{kind}.{name}"))
                });
                scope.add_resource(kind, name, made.await?);
                Ok(Ok(()))
            }
            Self::Module { name, body } => {
                let source = match argument(body, "source") {
                    Some(Expression::String(source)) => scope.dir.join(source),
                    _ => bail!("module {name} has no source"),
                };
                let plan = match instances(body, scope) {
                    Ok(plan) => plan,
                    Err(missing) => return Ok(Err(missing)),
                };
                let made = plan.make(async |arguments| module(aws, source.clone(), arguments).await);
                scope.modules.insert((*name).to_owned(), made.await?);
                Ok(Ok(()))
            }
        }
    }
}

/// The arguments of each instance of a block.
enum Plan {
    One(Map<String, Value>),
    Counted(Vec<Map<String, Value>>),
    Keyed(Vec<(String, Map<String, Value>)>),
}

impl Plan {
    /// Makes each instance; gives what references to the block see.
    async fn make(
        self,
        mut one: impl AsyncFnMut(Map<String, Value>) -> anyhow::Result<Map<String, Value>>,
    ) -> anyhow::Result<Value> {
        Ok(match self {
            Self::One(arguments) => Value::Object(one(arguments).await?),
            Self::Counted(list) => {
                let mut made = Vec::new();
                for arguments in list {
                    made.push(Value::Object(one(arguments).await?));
                }
                Value::Array(made)
            }
            Self::Keyed(list) => {
                let mut made = Map::new();
                for (key, arguments) in list {
                    made.insert(key, Value::Object(one(arguments).await?));
                }
                Value::Object(made)
            }
        })
    }
}

fn instances(body: &Body, scope: &Scope) -> Result<Plan, Missing> {
    if let Some(count) = argument(body, "count") {
        let count = evaluate(count, scope, None)?
            .as_u64()
            .ok_or("count is no number")?;
        let list = (0..count)
            .map(|_| arguments(body, scope, None))
            .collect::<Result<_, _>>()?;
        return Ok(Plan::Counted(list));
    }
    let Some(for_each) = argument(body, "for_each") else {
        return Ok(Plan::One(arguments(body, scope, None)?));
    };
    let pairs: Vec<(String, Value)> = match evaluate(for_each, scope, None)? {
        Value::Object(map) => map.into_iter().collect(),
        Value::Array(set) => set
            .into_iter()
            .filter_map(|key| Some((key.as_str()?.to_owned(), key)))
            .collect(),
        other => return Err(format!("for_each over {other}")),
    };
    let each = |(key, value): (String, Value)| {
        let arguments = arguments(
            body,
            scope,
            Some(&Each {
                key: key.clone(),
                value,
            }),
        )?;
        Ok((key, arguments))
    };
    Ok(Plan::Keyed(
        pairs.into_iter().map(each).collect::<Result<_, Missing>>()?,
    ))
}

/// A block's own arguments; nested blocks are lists under their names.
fn arguments(body: &Body, scope: &Scope, each: Option<&Each>) -> Result<Map<String, Value>, Missing> {
    let mut all = Map::new();
    for attribute in body
        .attributes()
        .filter(|attribute| !META.contains(&attribute.key()))
    {
        all.insert(
            attribute.key().to_owned(),
            evaluate(attribute.expr(), scope, each)?,
        );
    }
    for block in body
        .blocks()
        .filter(|block: &&Block| !META.contains(&block.identifier()))
    {
        let nested = Value::Object(arguments(block.body(), scope, each)?);
        match all
            .entry(block.identifier().to_owned())
            .or_insert_with(|| Value::Array(Vec::new()))
        {
            Value::Array(list) => list.push(nested),
            other => *other = nested,
        }
    }
    Ok(all)
}

fn evaluate(expression: &Expression, scope: &Scope, each: Option<&Each>) -> Result<Value, Missing> {
    expression
        .evaluate(&scope.context(each))
        .map_err(|error| error.to_string())
}
