//! How much an expression may ask for. Past a limit there is an error of kind [`super::ErrorKind::Limit`], never a cut.

/// Characters of one expression. GitHub's runner: `ExpressionConstants.MaxLength`.
pub const EXPRESSION_CHARS: usize = 21_000;
/// How deep an expression may nest. GitHub's runner: `ExpressionConstants.MaxDepth`.
pub const DEPTH: usize = 50;
/// Operators of one expression. GitHub has no such limit below its length limit; ours keeps the parser's tree, which
/// grows by a level per operator of a chain, well inside a thread's stack.
pub const OPERATORS: usize = 1_000;
/// Arguments of one `format` or `hashFiles`. GitHub's runner: `Byte.MaxValue`.
pub const ARGUMENTS: usize = 255;
/// Bytes of text that one expression's functions may produce together. GitHub: one mebibyte of evaluation memory, in
/// which a character takes two bytes.
pub const PRODUCED_BYTES: usize = 512 * 1024;
/// Bytes of a text after its expressions were replaced. GitHub's runner: `MaxResultSize`.
pub const INTERPOLATED_BYTES: usize = 10 * 1024 * 1024;
/// How deep `toJSON` descends; `fromJSON` stops at the same depth (the limit of `serde_json`).
pub const JSON_DEPTH: usize = 128;
