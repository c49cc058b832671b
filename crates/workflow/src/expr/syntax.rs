//! From an expression's text to a tree. The one module that knows the crate `github-actions-expressions`.
//!
//! The crate's tree becomes a tree of our own, in which a chain of operators or of `.a.b[c]` is one node: its depth is
//! bounded by [`limits::DEPTH`], so that walking it needs a bounded stack. The crate counts GitHub's depth for everything
//! but `.a.b[c]`; that is counted here.

use super::error::{ErrorKind, ExprError};
use super::limits;
use super::names::{Function, function_hint};
use github_actions_expressions::call::{Error as CallError, Function as CrateFunction};
use github_actions_expressions::context::Context;
use github_actions_expressions::literal::Literal as CrateLiteral;
use github_actions_expressions::op::{BinExpr, BinOp};
use github_actions_expressions::{Error as CrateError, Expr, SpannedExpr};
use std::ops::Range;

#[derive(Debug, PartialEq)]
pub(super) struct Node {
    /// Bytes of the expression's text.
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    Literal(Literal),
    /// A context by its name, as written.
    Context(String),
    Call {
        function: Function,
        args: Vec<Node>,
    },
    /// `base.a.*[b]`.
    Access {
        base: Box<Node>,
        keys: Vec<Key>,
    },
    Not(Box<Node>),
    /// `a && b && c`; two or more.
    All(Vec<Node>),
    /// `a || b || c`; two or more.
    Any(Vec<Node>),
    /// `a == b < c`, from left to right.
    Compare {
        first: Box<Node>,
        rest: Vec<(Comparison, Node)>,
    },
}

#[derive(Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

#[derive(Debug, PartialEq)]
pub(super) enum Key {
    /// `.name`.
    Name(String),
    /// `.*` or `[*]`.
    Every,
    /// `[expression]`.
    Computed(Box<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Node {
    /// Whether the expression, anywhere in it, calls a function for which `wanted` holds.
    pub(super) fn calls(&self, wanted: &impl Fn(Function) -> bool) -> bool {
        let mut found = false;
        self.visit(&mut |node| {
            if let Kind::Call { function, .. } = &node.kind {
                found |= wanted(*function);
            }
        });
        found
    }

    /// Shows each node of the tree, the outer before the inner, left before right.
    pub(super) fn visit(&self, see: &mut impl FnMut(&Self)) {
        see(self);
        match &self.kind {
            Kind::Literal(_) | Kind::Context(_) => {}
            Kind::Call { args: nodes, .. } | Kind::All(nodes) | Kind::Any(nodes) => {
                nodes.iter().for_each(|node| node.visit(see));
            }
            Kind::Access { base, keys } => {
                base.visit(see);
                for key in keys {
                    if let Key::Computed(node) = key {
                        node.visit(see);
                    }
                }
            }
            Kind::Not(inner) => inner.visit(see),
            Kind::Compare { first, rest } => {
                first.visit(see);
                rest.iter().for_each(|(_, node)| node.visit(see));
            }
        }
    }
}

/// Parses the text between `${{` and `}}`.
pub(super) fn parse(source: &str) -> Result<Node, ExprError> {
    if source.trim().is_empty() {
        return Err(ExprError::new(
            ErrorKind::Syntax,
            "the expression is empty",
            0,
            source,
        ));
    }
    if source.chars().count() > limits::EXPRESSION_CHARS {
        let message = format!(
            "the expression is longer than {} characters",
            limits::EXPRESSION_CHARS
        );
        return Err(ExprError::new(ErrorKind::Limit, message, 0, source));
    }
    if let Some(offset) = operators(source).nth(limits::OPERATORS) {
        let message = format!("the expression has more than {} operators", limits::OPERATORS);
        return Err(ExprError::new(ErrorKind::Limit, message, offset, source));
    }
    let tree = Expr::parse(source).map_err(|error| explain(&error, source))?;
    Converter { source }.node(&tree, 1)
}

/// Offsets of the bytes outside string literals.
fn code(source: &str) -> impl Iterator<Item = (usize, u8)> {
    let mut in_string = false;
    source.bytes().enumerate().filter(move |(_, byte)| {
        // A doubled quote inside a string leaves it and enters it again, which is as good as staying.
        let quote = *byte == b'\'';
        in_string ^= quote;
        !in_string && !quote
    })
}

/// Offsets of the operators: one for every binary operator and no fewer, since two never stand side by side.
fn operators(source: &str) -> impl Iterator<Item = usize> {
    let mut last = None;
    code(source).filter_map(move |(offset, byte)| {
        let operator = matches!(byte, b'&' | b'|' | b'=' | b'!' | b'<' | b'>');
        let second_half = operator && last == offset.checked_sub(1).map(|before| (before, true));
        last = Some((offset, operator && !second_half));
        (operator && !second_half).then_some(offset)
    })
}

/// Offsets at which `name(` stands, in any case.
fn calls_of<'s>(source: &'s str, name: &'s str) -> impl Iterator<Item = usize> + 's {
    let bytes = source.as_bytes();
    let inside_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    code(source).map(|(offset, _)| offset).filter(move |&start| {
        let end = start + name.len();
        source
            .get(start..end)
            .is_some_and(|text| text.eq_ignore_ascii_case(name))
            && (start == 0 || !inside_name(bytes[start - 1]))
            && source[end..].trim_start().starts_with('(')
    })
}

/// The offset after the parenthesis that closes the first one at or after `start`.
fn closing(source: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, byte) in code(source).skip_while(|(offset, _)| *offset < start) {
        match byte {
            b'(' => depth += 1,
            b')' if depth <= 1 => return Some(offset + 1),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// What the crate found wrong, with a place and a hint for people.
fn explain(error: &CrateError, source: &str) -> ExprError {
    match error {
        CrateError::Syntax(syntax) => {
            ExprError::new(ErrorKind::Syntax, syntax.message, syntax.offset, source)
                .with_hint(syntax_hint(source, syntax.offset))
        }
        CrateError::Depth => too_deep(0, source),
        CrateError::Call(CallError::UnknownFunction(name)) => {
            let offset = calls_of(source, name).next().unwrap_or(0);
            ExprError::new(
                ErrorKind::Unknown,
                format!("unknown function `{name}`"),
                offset,
                source,
            )
            .with_hint(Some(function_hint(name)))
        }
        CrateError::Call(CallError::Arity(function, expected)) => {
            let function = ours(*function);
            let offset = wrong_call(source, function).unwrap_or(0);
            let message = format!("`{}` takes {expected}", function.name());
            ExprError::new(ErrorKind::Syntax, message, offset, source)
        }
    }
}

/// The call of `function` whose arguments the crate complained about: the shortest that it refuses by itself. Only the
/// first calls are tried, so that no text makes this expensive.
fn wrong_call(source: &str, function: Function) -> Option<usize> {
    calls_of(source, function.name())
        .take(limits::DEPTH)
        .filter_map(|start| Some(start..closing(source, start)?))
        .filter(|call| {
            matches!(
                Expr::parse(&source[call.clone()]),
                Err(CrateError::Call(CallError::Arity(..)))
            )
        })
        .min_by_key(ExactSizeIterator::len)
        .map(|call| call.start)
}

fn syntax_hint(source: &str, offset: usize) -> Option<String> {
    let hint = match source.as_bytes().get(offset)? {
        b'"' => "strings are written in single quotes",
        b'\'' => "a string ends with a single quote; a quote inside it is doubled",
        b'=' => "equality is written ==",
        b'&' => "and is written &&",
        b'|' => "or is written ||",
        b'+' | b'-' | b'/' | b'%' | b'*' => "expressions have no arithmetic",
        b'$' if source[offset..].starts_with("${{") => "`${{ }}` can't stand inside an expression",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn too_deep(offset: usize, source: &str) -> ExprError {
    let message = format!("the expression nests deeper than {} levels", limits::DEPTH);
    ExprError::new(ErrorKind::Limit, message, offset, source)
}

fn ours(function: CrateFunction) -> Function {
    match function {
        CrateFunction::Contains => Function::Contains,
        CrateFunction::StartsWith => Function::StartsWith,
        CrateFunction::EndsWith => Function::EndsWith,
        CrateFunction::Format => Function::Format,
        CrateFunction::Join => Function::Join,
        CrateFunction::ToJSON => Function::ToJson,
        CrateFunction::FromJSON => Function::FromJson,
        CrateFunction::HashFiles => Function::HashFiles,
        CrateFunction::Case => Function::Case,
        CrateFunction::Success => Function::Success,
        CrateFunction::Always => Function::Always,
        CrateFunction::Cancelled => Function::Cancelled,
        CrateFunction::Failure => Function::Failure,
    }
}

/// The operators that chain with one another.
#[derive(PartialEq)]
enum Family {
    And,
    Or,
    Comparison,
}

fn family(op: &BinOp) -> Family {
    match op {
        BinOp::And => Family::And,
        BinOp::Or => Family::Or,
        BinOp::Eq | BinOp::Neq | BinOp::Gt | BinOp::Ge | BinOp::Lt | BinOp::Le => Family::Comparison,
    }
}

struct Converter<'s> {
    source: &'s str,
}

impl Converter<'_> {
    fn node(&self, expr: &SpannedExpr<'_>, depth: usize) -> Result<Node, ExprError> {
        let span = expr.origin.span.start..expr.origin.span.end;
        if depth > limits::DEPTH {
            return Err(too_deep(span.start, self.source));
        }
        let kind = match &expr.inner {
            Expr::Literal(literal) => Kind::Literal(match literal {
                CrateLiteral::Null => Literal::Null,
                CrateLiteral::Boolean(value) => Literal::Bool(*value),
                CrateLiteral::Number(value) => Literal::Number(*value),
                CrateLiteral::String(text) => Literal::Text(text.clone().into_owned()),
            }),
            Expr::Identifier(name) => Kind::Context(name.as_str().to_owned()),
            Expr::Context(context) => return self.access(context, span, depth),
            Expr::Call(call) => {
                let function = ours(call.func);
                self.check_arguments(function, call.args.len(), span.start)?;
                let args = call
                    .args
                    .iter()
                    .map(|arg| self.node(arg, depth + 1))
                    .collect::<Result<_, _>>()?;
                Kind::Call { function, args }
            }
            Expr::UnExpr { expr, .. } => Kind::Not(Box::new(self.node(expr, depth + 1)?)),
            Expr::BinExpr(binary) => self.chain(expr, family(&binary.op), depth)?,
            Expr::Star | Expr::Index(_) => {
                let message = "`*` and `[ ]` need something to choose from";
                return Err(ExprError::new(
                    ErrorKind::Syntax,
                    message,
                    span.start,
                    self.source,
                ));
            }
        };
        Ok(Node { span, kind })
    }

    /// The rules that the crate leaves to its users.
    fn check_arguments(&self, function: Function, count: usize, offset: usize) -> Result<(), ExprError> {
        let limited = matches!(function, Function::Format | Function::HashFiles);
        if limited && !(1..=limits::ARGUMENTS).contains(&count) {
            let message = format!("`{}` takes 1 to {} arguments", function.name(), limits::ARGUMENTS);
            return Err(ExprError::new(ErrorKind::Syntax, message, offset, self.source));
        }
        Ok(())
    }

    fn access(&self, context: &Context<'_>, span: Range<usize>, depth: usize) -> Result<Node, ExprError> {
        let Some((head, rest)) = context.parts.split_first() else {
            return Err(ExprError::new(
                ErrorKind::Syntax,
                "a context has no name",
                span.start,
                self.source,
            ));
        };
        let base = self.node(head, depth)?;
        if rest.is_empty() {
            return Ok(base);
        }
        let mut keys = Vec::with_capacity(rest.len());
        for (part, depth) in rest.iter().zip(depth + 1..) {
            if depth > limits::DEPTH {
                return Err(too_deep(part.origin.span.start, self.source));
            }
            keys.push(match &part.inner {
                Expr::Identifier(name) => Key::Name(name.as_str().to_owned()),
                Expr::Star => Key::Every,
                Expr::Index(inner) if matches!(inner.inner, Expr::Star) => Key::Every,
                Expr::Index(inner) => Key::Computed(Box::new(self.node(inner, depth)?)),
                _ => Key::Computed(Box::new(self.node(part, depth)?)),
            });
        }
        Ok(Node {
            span,
            kind: Kind::Access {
                base: Box::new(base),
                keys,
            },
        })
    }

    /// Operators of one family group to the left: the tree is as deep as the chain is long. This walks down in a loop.
    fn chain(&self, expr: &SpannedExpr<'_>, of: Family, depth: usize) -> Result<Kind, ExprError> {
        let mut rights: Vec<&BinExpr<'_>> = Vec::new();
        let mut first = expr;
        while let Expr::BinExpr(binary) = &first.inner
            && family(&binary.op) == of
        {
            rights.push(binary);
            first = &binary.lhs;
        }
        let first = self.node(first, depth)?;
        // GitHub counts a level for `&&` and `||`, none for comparisons.
        let inner = if of == Family::Comparison {
            depth
        } else {
            depth + 1
        };
        let rest = rights
            .iter()
            .rev()
            .map(|binary| Ok((&binary.op, self.node(&binary.rhs, inner)?)));
        let rest = rest.collect::<Result<Vec<_>, ExprError>>()?;
        let all = |rest: Vec<(&BinOp, Node)>, first| {
            std::iter::once(first)
                .chain(rest.into_iter().map(|(_, node)| node))
                .collect()
        };
        Ok(match of {
            Family::And => Kind::All(all(rest, first)),
            Family::Or => Kind::Any(all(rest, first)),
            Family::Comparison => Kind::Compare {
                first: Box::new(first),
                rest: rest
                    .into_iter()
                    .filter_map(|(op, node)| Some((comparison(op)?, node)))
                    .collect(),
            },
        })
    }
}

fn comparison(op: &BinOp) -> Option<Comparison> {
    Some(match op {
        BinOp::Eq => Comparison::Equal,
        BinOp::Neq => Comparison::NotEqual,
        BinOp::Gt => Comparison::Greater,
        BinOp::Ge => Comparison::GreaterOrEqual,
        BinOp::Lt => Comparison::Less,
        BinOp::Le => Comparison::LessOrEqual,
        BinOp::And | BinOp::Or => return None,
    })
}
