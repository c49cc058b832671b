//! The words of a shell script: quotes, comments, here-documents, expansions. It reads what POSIX sh and bash have in common
//! with what people write in workflow files; where it meets anything else it gives up, and the script counts as unread.

/// Command substitutions inside one another.
const DEPTH: usize = 16;

/// What can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unread;

type Lexed<T> = Result<T, Unread>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    /// With what stands behind the sign; the delimiter of a here-document.
    Redirect(Word),
    Newline,
    /// `;`
    Semicolon,
    /// `;;` and its relatives
    CaseEnd,
    /// `&`
    Background,
    And,
    Or,
    Pipe,
    Open,
    Close,
}

/// A word as it stands in the script.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Word {
    /// Its text without the quotes; expansions are left out.
    pub(super) text: String,
    /// The shell makes nothing else of it: no expansion, no pattern.
    pub(super) is_literal: bool,
    pub(super) is_quoted: bool,
    /// Its command substitutions.
    pub(super) inside: Vec<Inside>,
    pub(super) reads: Vec<Read>,
}

impl Word {
    /// What it is for the shell, where that can be said.
    pub(super) fn literal(&self) -> Option<&str> {
        self.is_literal.then_some(self.text.as_str())
    }

    /// Whether it is this reserved word, where one can be.
    pub(super) fn is(&self, reserved: &str) -> bool {
        !self.is_quoted && self.literal() == Some(reserved)
    }
}

/// A script inside a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inside {
    pub(super) tokens: Vec<Token>,
    /// `<(…)`: nobody asks how it ended.
    pub(super) is_process: bool,
}

/// A variable that a word reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) name: String,
    /// The script says itself what holds without it: `${NAME:-…}`.
    pub(super) is_guarded: bool,
}

struct Heredoc {
    delimiter: String,
    tabs: bool,
}

pub(super) struct Lexer {
    text: Vec<char>,
    at: usize,
    depth: usize,
    coming: Vec<Heredoc>,
    /// The bodies of here-documents.
    bodies: String,
}

/// The tokens of a script, and the text of its here-documents.
pub(super) fn lex(script: &str) -> Lexed<(Vec<Token>, String)> {
    let mut lexer = Lexer::new(script, 0);
    let tokens = lexer.script(false)?;
    Ok((tokens, lexer.bodies))
}

impl Lexer {
    fn new(script: &str, depth: usize) -> Self {
        Self {
            text: script.chars().collect(),
            at: 0,
            depth,
            coming: Vec::new(),
            bodies: String::new(),
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars()
            .enumerate()
            .all(|(ahead, c)| self.peek(ahead) == Some(c))
    }

    /// Up to the end, or to the `)` that closes a substitution.
    fn script(&mut self, is_inside: bool) -> Lexed<Vec<Token>> {
        let mut tokens = Vec::new();
        let mut open = 0usize;
        // `case` has a `)` that no `(` opens.
        let mut cases = 0usize;
        while let Some(c) = self.peek(0) {
            if c == ')' && is_inside && open == 0 && cases == 0 {
                self.at += 1;
                return Ok(tokens);
            }
            let Some(token) = self.token(c)? else { continue };
            match &token {
                Token::Open => open += 1,
                Token::Close => open = open.saturating_sub(1),
                Token::Word(word) if word.is("case") => cases += 1,
                Token::Word(word) if word.is("esac") => cases = cases.saturating_sub(1),
                _ => {}
            }
            tokens.push(token);
        }
        if is_inside || !self.coming.is_empty() {
            return Err(Unread);
        }
        Ok(tokens)
    }

    /// None for blanks and comments.
    fn token(&mut self, c: char) -> Lexed<Option<Token>> {
        const OPERATORS: [(&str, Token); 11] = [
            ("&&", Token::And),
            ("||", Token::Or),
            (";;&", Token::CaseEnd),
            (";;", Token::CaseEnd),
            (";&", Token::CaseEnd),
            (";", Token::Semicolon),
            ("|&", Token::Pipe),
            ("|", Token::Pipe),
            ("&", Token::Background),
            ("(", Token::Open),
            (")", Token::Close),
        ];
        if self.starts_with("\\\n") {
            self.at += 2;
            return Ok(None);
        }
        match c {
            ' ' | '\t' | '\r' => {
                self.at += 1;
                return Ok(None);
            }
            '#' => {
                while self.peek(0).is_some_and(|c| c != '\n') {
                    self.at += 1;
                }
                return Ok(None);
            }
            '\n' => {
                self.at += 1;
                self.heredocs()?;
                return Ok(Some(Token::Newline));
            }
            _ => {}
        }
        if self.starts_with("((") {
            self.at += 2;
            self.arithmetic()?;
            return Ok(Some(Token::Word(Word::default())));
        }
        if self.starts_with("&>") {
            self.at += 1;
            return self.redirect().map(Some);
        }
        if matches!(c, '<' | '>') && self.peek(1) != Some('(') {
            return self.redirect().map(Some);
        }
        if let Some((text, token)) = OPERATORS.into_iter().find(|(text, _)| self.starts_with(text)) {
            self.at += text.len();
            return Ok(Some(token));
        }
        let word = self.word()?;
        // `2>`: the number is no argument.
        let is_number =
            !word.is_quoted && !word.text.is_empty() && word.text.bytes().all(|b| b.is_ascii_digit());
        if is_number && matches!(self.peek(0), Some('<' | '>')) && self.peek(1) != Some('(') {
            return self.redirect().map(Some);
        }
        Ok(Some(Token::Word(word)))
    }

    /// At `<` or `>`.
    fn redirect(&mut self) -> Lexed<Token> {
        let is_heredoc = self.starts_with("<<") && !self.starts_with("<<<");
        let tabs = self.starts_with("<<-");
        let signs = ["<<<", "<<-", "&>>", "<<", ">>", ">&", "<&", ">|", "<>", ">", "<"];
        let sign = signs
            .into_iter()
            .find(|sign| self.starts_with(sign))
            .ok_or(Unread)?;
        self.at += sign.len();
        while matches!(self.peek(0), Some(' ' | '\t')) {
            self.at += 1;
        }
        let target = self.word()?;
        if is_heredoc {
            let delimiter = target.literal().ok_or(Unread)?.to_owned();
            self.coming.push(Heredoc { delimiter, tabs });
        }
        Ok(Token::Redirect(target))
    }

    /// The bodies of the here-documents that were begun on the line before.
    fn heredocs(&mut self) -> Lexed<()> {
        for heredoc in std::mem::take(&mut self.coming) {
            loop {
                if self.at >= self.text.len() {
                    return Err(Unread);
                }
                let rest = &self.text[self.at..];
                let length = rest.iter().position(|c| *c == '\n').unwrap_or(rest.len());
                let line: String = rest[..length].iter().collect();
                self.at = (self.at + length + 1).min(self.text.len());
                let shown = if heredoc.tabs {
                    line.trim_start_matches('\t')
                } else {
                    &line
                };
                if shown == heredoc.delimiter {
                    break;
                }
                self.bodies.push_str(&line);
                self.bodies.push('\n');
            }
        }
        Ok(())
    }

    fn word(&mut self) -> Lexed<Word> {
        let mut word = Word {
            is_literal: true,
            ..Word::default()
        };
        let begin = self.at;
        while let Some(c) = self.peek(0) {
            match c {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' => break,
                '<' | '>' if self.peek(1) == Some('(') => {
                    self.at += 2;
                    self.nested(&mut word, true)?;
                }
                '<' | '>' => break,
                '\\' => {
                    match self.peek(1) {
                        Some('\n') => {}
                        Some(escaped) => {
                            word.text.push(escaped);
                            word.is_quoted = true;
                        }
                        None => return Err(Unread),
                    }
                    self.at += 2;
                }
                '\'' => self.single(&mut word)?,
                '"' => self.double(&mut word)?,
                '$' | '`' => self.expansion(&mut word)?,
                _ => {
                    // A pattern, or what braces and `~` become.
                    if "*?[]{}~".contains(c) && !matches!((c, self.at == begin), ('{' | '}' | '[', true)) {
                        word.is_literal = word.is_literal && c == ']';
                    }
                    word.text.push(c);
                    self.at += 1;
                }
            }
        }
        if self.at == begin {
            return Err(Unread);
        }
        // What would be a pattern is a reserved word.
        word.is_literal |= word.text == "[[" && self.at == begin + 2;
        Ok(word)
    }

    fn single(&mut self, word: &mut Word) -> Lexed<()> {
        word.is_quoted = true;
        self.at += 1;
        loop {
            match self.peek(0).ok_or(Unread)? {
                '\'' => break,
                c => word.text.push(c),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(())
    }

    fn double(&mut self, word: &mut Word) -> Lexed<()> {
        word.is_quoted = true;
        self.at += 1;
        loop {
            match self.peek(0).ok_or(Unread)? {
                '"' => break,
                '\\' => {
                    let escaped = self.peek(1).ok_or(Unread)?;
                    if !"$`\"\\\n".contains(escaped) {
                        word.text.push('\\');
                    }
                    word.text.extend((escaped != '\n').then_some(escaped));
                    self.at += 2;
                }
                '$' | '`' => self.expansion(word)?,
                c => {
                    word.text.push(c);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        Ok(())
    }

    /// At `$` or a backtick, in double quotes or out of them.
    fn expansion(&mut self, word: &mut Word) -> Lexed<()> {
        if self.peek(0) == Some('`') {
            return self.backticks(word);
        }
        let next = self.peek(1);
        if self.starts_with("$((") {
            self.at += 3;
            word.is_literal = false;
            return self.arithmetic();
        }
        match next {
            Some('(') => {
                self.at += 2;
                self.nested(word, false)
            }
            Some('{') => self.braces(word),
            Some('\'') => {
                // Escapes inside it are too many to know.
                word.is_literal = false;
                self.at += 2;
                while self.peek(0).ok_or(Unread)? != '\'' {
                    self.at += if self.peek(0) == Some('\\') { 2 } else { 1 };
                }
                self.at += 1;
                Ok(())
            }
            Some(c) if is_name_start(c) => {
                self.at += 1;
                let name = self.name();
                word.reads.push(Read {
                    name,
                    is_guarded: false,
                });
                word.gap();
                Ok(())
            }
            Some(c) if c.is_ascii_digit() || "@*#?$!-".contains(c) => {
                self.at += 2;
                word.gap();
                Ok(())
            }
            _ => {
                word.text.push('$');
                self.at += 1;
                Ok(())
            }
        }
    }

    fn name(&mut self) -> String {
        let begin = self.at;
        while self
            .peek(0)
            .is_some_and(|c| is_name_start(c) || c.is_ascii_digit())
        {
            self.at += 1;
        }
        self.text[begin..self.at].iter().collect()
    }

    /// At `${`.
    fn braces(&mut self, word: &mut Word) -> Lexed<()> {
        self.at += 2;
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Unread);
        }
        // `${#NAME}` and `${!NAME}` say nothing of what holds without it.
        let is_odd = matches!(self.peek(0), Some('#' | '!'));
        if is_odd {
            self.at += 1;
        }
        let name = self.name();
        let is_guarded = is_odd || matches!(self.peek(0), Some(':' | '-' | '+' | '=' | '?'));
        if !name.is_empty() {
            word.reads.push(Read { name, is_guarded });
        }
        loop {
            match self.peek(0).ok_or(Unread)? {
                '}' => break,
                '\\' => self.at += 2,
                '\'' => {
                    // In double quotes it is a sign as others are, and which holds here can't be said.
                    return Err(Unread);
                }
                '"' => self.double(&mut Word::default())?,
                '$' | '`' => self.expansion(word)?,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.depth -= 1;
        word.gap();
        Ok(())
    }

    /// Behind `$(`, `<(` or `>(`.
    fn nested(&mut self, word: &mut Word, is_process: bool) -> Lexed<()> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Unread);
        }
        let coming = std::mem::take(&mut self.coming);
        let tokens = self.script(true)?;
        if !self.coming.is_empty() {
            return Err(Unread);
        }
        self.coming = coming;
        self.depth -= 1;
        word.inside.push(Inside { tokens, is_process });
        word.gap();
        Ok(())
    }

    fn backticks(&mut self, word: &mut Word) -> Lexed<()> {
        self.at += 1;
        let mut inner = String::new();
        loop {
            match self.peek(0).ok_or(Unread)? {
                '`' => break,
                '\\' => {
                    let next = self.peek(1).ok_or(Unread)?;
                    if !matches!(next, '`' | '\\' | '$') {
                        inner.push('\\');
                    }
                    inner.push(next);
                    self.at += 2;
                }
                c => {
                    inner.push(c);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        if self.depth >= DEPTH {
            return Err(Unread);
        }
        let mut lexer = Self::new(&inner, self.depth + 1);
        let tokens = lexer.script(false)?;
        self.bodies.push_str(&lexer.bodies);
        word.inside.push(Inside {
            tokens,
            is_process: false,
        });
        word.gap();
        Ok(())
    }

    /// Behind `((`.
    fn arithmetic(&mut self) -> Lexed<()> {
        let mut open = 0usize;
        loop {
            match self.peek(0).ok_or(Unread)? {
                '(' => open += 1,
                ')' if open > 0 => open -= 1,
                ')' if self.peek(1) == Some(')') => {
                    self.at += 2;
                    return Ok(());
                }
                // Two groups that only look like it.
                ')' => return Err(Unread),
                '\'' | '"' | '`' | '\n' => return Err(Unread),
                _ => {}
            }
            self.at += 1;
        }
    }
}

impl Word {
    fn gap(&mut self) {
        self.is_literal = false;
        self.text.push(' ');
    }
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}
