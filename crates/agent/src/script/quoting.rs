//! Where in a shell script a byte stands: inside which quotes. A reading of the script's surface, good enough to choose how
//! a variable is written there. A wrong answer costs the value's place in the output, never safety: what is inserted is a
//! reference of ours, not the value.

/// What surrounds a place in a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Variables are expanded: no quotes, double quotes, an unquoted here-document, a comment.
    Expanding,
    /// Inside `'…'`.
    SingleQuotes,
    /// Inside `$'…'`.
    AnsiQuotes,
    /// A here-document whose delimiter is quoted: taken as it is.
    Literal,
    /// Inside `$((…))`, where bash computes, and runs, what a variable's value says.
    Arithmetic,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Plain code, with the number of `(` that are open.
    Code {
        parentheses: usize,
    },
    /// Code between two backticks; one with a backslash before it does not end it.
    Backticks,
    Double,
    Single,
    Ansi,
    Comment,
    Arithmetic {
        parentheses: usize,
    },
    Heredoc(Heredoc),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Heredoc {
    delimiter: String,
    literal: bool,
    /// `<<-`: tabs before the delimiter don't count.
    tabs: bool,
}

/// Walks through a script once.
pub struct Walker<'a> {
    script: &'a str,
    at: usize,
    stack: Vec<State>,
    /// Here-documents whose bodies begin after this line.
    coming: Vec<Heredoc>,
}

impl<'a> Walker<'a> {
    #[must_use]
    pub fn new(script: &'a str) -> Self {
        Self {
            script,
            at: 0,
            stack: vec![State::Code { parentheses: 0 }],
            coming: Vec::new(),
        }
    }

    /// What surrounds the byte at `offset`, which must not lie before the last one asked for.
    pub fn place_at(&mut self, offset: usize) -> Place {
        let offset = offset.min(self.script.len());
        while self.at < offset {
            self.step();
        }
        match self.top() {
            State::Code { .. } | State::Backticks | State::Double | State::Comment => Place::Expanding,
            State::Single => Place::SingleQuotes,
            State::Ansi => Place::AnsiQuotes,
            State::Arithmetic { .. } => Place::Arithmetic,
            State::Heredoc(heredoc) if heredoc.literal => Place::Literal,
            State::Heredoc(_) => Place::Expanding,
        }
    }

    /// What ends the here-document with a quoted delimiter in which the walk is.
    pub fn delimiter(&self) -> Option<&str> {
        match self.top() {
            State::Heredoc(heredoc) if heredoc.literal => Some(&heredoc.delimiter),
            _ => None,
        }
    }

    /// Goes over text that is not the shell's, such as an expression.
    pub fn skip_to(&mut self, offset: usize) {
        self.at = self.at.max(offset);
    }

    fn top(&self) -> &State {
        self.stack.last().expect("the outermost code is never left")
    }

    fn pop(&mut self) {
        if self.stack.len() > 1 {
            self.stack.pop();
        }
    }

    fn step(&mut self) {
        let rest = &self.script[self.at..];
        let Some(c) = rest.chars().next() else {
            self.at += 1;
            return;
        };
        let mut taken = c.len_utf8();
        match self.top().clone() {
            State::Code { parentheses } => taken = self.code(rest, c, parentheses),
            State::Backticks if c == '`' => self.pop(),
            State::Backticks => taken = self.code(rest, c, 0),
            State::Double => match c {
                '\\' => taken += next_len(rest, 1),
                '"' => self.pop(),
                '`' => self.stack.push(State::Backticks),
                '$' if rest.starts_with("$((") => taken = self.enter(State::Arithmetic { parentheses: 0 }, 3),
                '$' if rest.starts_with("$(") => taken = self.enter(State::Code { parentheses: 0 }, 2),
                _ => {}
            },
            State::Single if c == '\'' => self.pop(),
            State::Ansi if c == '\\' => taken += next_len(rest, 1),
            State::Ansi if c == '\'' => self.pop(),
            State::Comment if c == '\n' => {
                self.pop();
                self.bodies();
            }
            State::Arithmetic { parentheses } => taken = self.arithmetic(rest, c, parentheses),
            State::Heredoc(heredoc) => taken = self.heredoc(rest, &heredoc),
            State::Single | State::Ansi | State::Comment => {}
        }
        self.at += taken;
    }

    fn enter(&mut self, state: State, taken: usize) -> usize {
        self.stack.push(state);
        taken
    }

    fn code(&mut self, rest: &str, c: char, parentheses: usize) -> usize {
        let len = c.len_utf8();
        match c {
            '\\' => return len + next_len(rest, 1),
            '\'' => self.stack.push(State::Single),
            '"' => self.stack.push(State::Double),
            '`' => self.stack.push(State::Backticks),
            '$' if rest.starts_with("$'") => return self.enter(State::Ansi, 2),
            '$' if rest.starts_with("$((") => return self.enter(State::Arithmetic { parentheses: 0 }, 3),
            '$' if rest.starts_with("$(") => return self.enter(State::Code { parentheses: 0 }, 2),
            '#' if self.begins_word() => self.stack.push(State::Comment),
            '<' if rest.starts_with("<<<") => return 3,
            '<' if rest.starts_with("<<") => {
                let (heredoc, taken) = heredoc_start(rest);
                self.coming.extend(heredoc);
                return taken;
            }
            '\n' => self.bodies(),
            '(' => self.set_parentheses(parentheses + 1),
            ')' if parentheses > 0 => self.set_parentheses(parentheses - 1),
            ')' if *self.top() != State::Backticks => self.pop(),
            _ => {}
        }
        len
    }

    fn arithmetic(&mut self, rest: &str, c: char, parentheses: usize) -> usize {
        match c {
            '(' => self.set_parentheses(parentheses + 1),
            ')' if parentheses > 0 => self.set_parentheses(parentheses - 1),
            ')' => {
                self.pop();
                return if rest.starts_with("))") { 2 } else { 1 };
            }
            _ => {}
        }
        c.len_utf8()
    }

    fn set_parentheses(&mut self, count: usize) {
        if let Some(State::Code { parentheses } | State::Arithmetic { parentheses }) = self.stack.last_mut() {
            *parentheses = count;
        }
    }

    /// A `#` begins a comment only where a word could begin.
    fn begins_word(&self) -> bool {
        let before = self.script[..self.at].chars().next_back();
        before.is_none_or(|c| c.is_whitespace() || ";&|()`".contains(c))
    }

    /// At a line's end, the bodies of the here-documents begun on it.
    fn bodies(&mut self) {
        for heredoc in std::mem::take(&mut self.coming).into_iter().rev() {
            self.stack.push(State::Heredoc(heredoc));
        }
    }

    /// At the beginning of a line of a here-document: past the line that ends it, or to the next line. Only inside a line
    /// when an expression was skipped, and then the rest of it is no delimiter.
    fn heredoc(&mut self, rest: &str, heredoc: &Heredoc) -> usize {
        let line = rest.split('\n').next().unwrap_or_default();
        let text = if heredoc.tabs {
            line.trim_start_matches('\t')
        } else {
            line
        };
        let at_line_start = self.at == 0 || self.script.as_bytes()[self.at - 1] == b'\n';
        if at_line_start && text == heredoc.delimiter {
            self.pop();
            return line.len() + 1;
        }
        // One character at a time: the place asked for may be in this line.
        rest.chars().next().map_or(1, char::len_utf8)
    }
}

fn next_len(text: &str, from: usize) -> usize {
    text[from..].chars().next().map_or(0, char::len_utf8)
}

/// Reads `<<WORD` or `<<-WORD` with any quoting; also how many bytes it has. No here-document where no word follows.
fn heredoc_start(rest: &str) -> (Option<Heredoc>, usize) {
    let tabs = rest.starts_with("<<-");
    let start = if tabs { 3 } else { 2 };
    let blanks = rest[start..].len() - rest[start..].trim_start_matches([' ', '\t']).len();
    let mut delimiter = String::new();
    let (mut literal, mut quote, mut taken) = (false, None, start + blanks);
    for c in rest[taken..].chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) if c != '\n' => delimiter.push(c),
            None if c == '\'' || c == '"' => (literal, quote) = (true, Some(c)),
            None if c == '\\' => literal = true,
            None if !c.is_whitespace() && !";&|()<>".contains(c) => delimiter.push(c),
            _ => break,
        }
        taken += c.len_utf8();
    }
    let heredoc = (!delimiter.is_empty()).then_some(Heredoc {
        delimiter,
        literal,
        tabs,
    });
    (heredoc, taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The place of `@` in a script.
    fn place(script: &str) -> Place {
        Walker::new(script).place_at(script.find('@').unwrap())
    }

    #[test]
    fn places() {
        let table = [
            ("echo @", Place::Expanding),
            ("echo \"@\"", Place::Expanding),
            ("echo '@'", Place::SingleQuotes),
            ("echo 'a' @ 'b'", Place::Expanding),
            ("echo 'a'\\''@'", Place::SingleQuotes),
            ("echo \\'@\\'", Place::Expanding),
            ("echo \"it's @\"", Place::Expanding),
            ("echo \"\\\"'@\"", Place::Expanding),
            ("echo $'a\\'@'", Place::AnsiQuotes),
            ("echo \"$(echo '@')\"", Place::SingleQuotes),
            ("echo \"$(echo 'x')@\"", Place::Expanding),
            ("echo \"$( (echo) )'@'\"", Place::Expanding),
            ("# don't\necho @", Place::Expanding),
            ("echo a#'@'", Place::SingleQuotes),
            ("echo $(( 1 + @ ))", Place::Arithmetic),
            ("echo $(( (1) + 2 )) @", Place::Expanding),
            ("cat <<EOF\nit's @\nEOF\n", Place::Expanding),
            ("cat <<'EOF'\nx @\nEOF\n", Place::Literal),
            ("cat <<\"A B\" | x 'y'\n@\nA B\n", Place::Literal),
            ("cat <<-\\EOF\n\tx\n\tEOF\necho '@'", Place::SingleQuotes),
            ("cat <<'EOF'\nEOFX\n EOF\n@", Place::Literal),
            ("cat <<'EOF'\nx\nEOF\necho @", Place::Expanding),
            ("cat <<A <<'B'\na\nA\n@\nB\n", Place::Literal),
            ("cat <<<'x'\necho @", Place::Expanding),
            ("x # <<'EOF'\necho @", Place::Expanding),
            ("case a in a) echo '@' ;; esac", Place::SingleQuotes),
            ("V=\"`echo '@' | sed s/^v//`\"", Place::SingleQuotes),
            ("V=\"`echo 'x'`@\"", Place::Expanding),
            ("V=\"`echo 'x'`\"'@'", Place::SingleQuotes),
            ("V=`echo '@'`", Place::SingleQuotes),
            ("V=`case a in a) echo x;; esac` '@'", Place::SingleQuotes),
            ("echo \"it\\`s '@'\"", Place::Expanding),
        ];
        for (script, expected) in table {
            assert_eq!(place(script), expected, "{script:?}");
        }
    }

    proptest! {
        #[test]
        fn no_script_is_a_panic(script in "[a<$'\"`()\\\\\n#é -]{0,40}", offset in 0usize..60) {
            let _ = Walker::new(&script).place_at(offset);
        }
    }
}
