//! What the functions compute from their values. The status functions, `hashFiles` and `case` are with the evaluator.

use super::output::{Budget, Fault, Output};
use super::value::{Value, folded};

/// `contains(search, item)`: an element of an array, compared as `==` does, or a part of a text without regard to case.
/// An object contains nothing.
pub(super) fn contains(search: &Value<'_>, item: &Value<'_>) -> bool {
    match search {
        Value::Array(elements) => elements.iter().any(|element| Value::from(element).equals(item)),
        Value::Filtered(elements) => elements.iter().any(|element| element.equals(item)),
        Value::Object(_) => false,
        _ => texts(search, item).is_some_and(|(search, item)| search.contains(&item)),
    }
}

pub(super) fn starts_with(text: &Value<'_>, start: &Value<'_>) -> bool {
    texts(text, start).is_some_and(|(text, start)| text.starts_with(&start))
}

pub(super) fn ends_with(text: &Value<'_>, end: &Value<'_>) -> bool {
    texts(text, end).is_some_and(|(text, end)| text.ends_with(&end))
}

/// Both values as texts without case; nothing where one is an array or an object.
fn texts(a: &Value<'_>, b: &Value<'_>) -> Option<(String, String)> {
    (a.is_primitive() && b.is_primitive()).then(|| (folded(&a.to_text()), folded(&b.to_text())))
}

/// `join(array, separator)`: a primitive is its own text, an object nothing; a separator that is no text is `,`.
pub(super) fn join(
    list: &Value<'_>,
    separator: Option<&Value<'_>>,
    budget: &Budget,
) -> Result<String, Fault> {
    let separator = separator.filter(|separator| separator.is_primitive());
    let separator = separator.map_or_else(|| ",".into(), Value::to_text);
    let mut output = Output::new(budget);
    let mut push = |index: usize, text: &str| {
        if index > 0 {
            output.push(&separator)?;
        }
        output.push(text)
    };
    match list {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                push(index, &Value::from(item).to_text())?;
            }
        }
        Value::Filtered(items) => {
            for (index, item) in items.iter().enumerate() {
                push(index, &item.to_text())?;
            }
        }
        Value::Object(_) => {}
        primitive => push(0, &primitive.to_text())?,
    }
    Ok(output.finish())
}

/// `format(template, …)`: `{0}` is the first value after the template, `{{` and `}}` are braces.
pub(super) fn format(template: &str, values: &[Value<'_>], budget: &Budget) -> Result<String, Fault> {
    let mut output = Output::new(budget);
    for piece in Pieces(template) {
        match piece.map_err(FormatFault::fault)? {
            Piece::Text(text) => output.push(text)?,
            Piece::Value(index) => match index.and_then(|index| values.get(index)) {
                Some(value) => output.push(&value.to_text())?,
                None => return Err(too_few(index)),
            },
        }
    }
    Ok(output.finish())
}

/// The same errors as [`format`], from the template alone.
pub(super) fn check_format(template: &str, values: usize) -> Result<(), Fault> {
    for piece in Pieces(template) {
        if let Piece::Value(index) = piece.map_err(FormatFault::fault)?
            && index.is_none_or(|index| index >= values)
        {
            return Err(too_few(index));
        }
    }
    Ok(())
}

fn too_few(index: Option<usize>) -> Fault {
    let wanted = index.map_or_else(|| "a value".to_owned(), |index| format!("{{{index}}}"));
    Fault::new(format!(
        "the template of `format` refers to {wanted}, which isn't given"
    ))
    .hint("the first value after the template is {0}")
}

enum Piece<'t> {
    Text(&'t str),
    /// Nothing where the number is beyond all bounds.
    Value(Option<usize>),
}

enum FormatFault {
    LoneOpen,
    LoneClose,
}

impl FormatFault {
    fn fault(self) -> Fault {
        match self {
            Self::LoneOpen => Fault::new("the template of `format` has a `{` that is no `{0}`")
                .hint("write `{{` for a brace"),
            Self::LoneClose => {
                Fault::new("the template of `format` has a `}` without a `{`").hint("write `}}` for a brace")
            }
        }
    }
}

/// A template's rest, taken apart from the left.
struct Pieces<'t>(&'t str);

impl<'t> Iterator for Pieces<'t> {
    type Item = Result<Piece<'t>, FormatFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0;
        if rest.is_empty() {
            return None;
        }
        let plain = rest.find(['{', '}']).unwrap_or(rest.len());
        if plain > 0 {
            self.0 = &rest[plain..];
            return Some(Ok(Piece::Text(&rest[..plain])));
        }
        if rest.starts_with("{{") || rest.starts_with("}}") {
            self.0 = &rest[2..];
            return Some(Ok(Piece::Text(&rest[..1])));
        }
        if rest.starts_with('}') {
            self.0 = "";
            return Some(Err(FormatFault::LoneClose));
        }
        let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || !rest[1 + digits..].starts_with('}') {
            self.0 = "";
            return Some(Err(FormatFault::LoneOpen));
        }
        self.0 = &rest[digits + 2..];
        Some(Ok(Piece::Value(rest[1..=digits].parse().ok())))
    }
}
