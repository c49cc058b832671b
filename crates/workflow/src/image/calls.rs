//! The commands of a shell script: what it calls, and which of that it comes to whatever happens. What depends on anything
//! (a condition, a loop, a function, a command before it that may bring programs) counts as not certain.

use super::lex::{Token, Unread, Word, lex};
use std::collections::BTreeSet;

/// Lists and commands inside one another.
const DEPTH: usize = 64;

/// A program called by its bare name, or a variable that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) name: String,
    pub(super) is_certain: bool,
}

/// What a script does with programs and variables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Survey {
    pub(super) calls: Vec<Use>,
    pub(super) reads: Vec<Use>,
    /// Functions, and variables that the script sets or asks about.
    pub(super) own: BTreeSet<String>,
    /// Words that it names otherwise than as a command: a program that is among them may be looked for, or installed.
    pub(super) named: BTreeSet<String>,
}

/// Reads a script.
///
/// # Errors
/// Where it has something that is not understood.
pub(super) fn survey(script: &str) -> Result<Survey, Unread> {
    let (tokens, bodies) = lex(script)?;
    let mut surveyor = Surveyor::default();
    surveyor.name_all(&bodies);
    surveyor.all(&tokens, true)?;
    Ok(surveyor.survey)
}

#[derive(Default)]
struct Surveyor {
    survey: Survey,
    /// From here on nothing is certain: the script may have ended, or have brought programs.
    is_open: bool,
    depth: usize,
}

/// Reserved words that end a list inside a compound command, or go on with it.
const ENDS: [&str; 8] = ["then", "do", "elif", "else", "fi", "done", "esac", "}"];

/// What comes after one of them and `&&` is meant to come: they fail only where the step goes wrong.
const PLAIN: [&str; 14] = [
    ":", "cd", "chmod", "cp", "echo", "export", "mkdir", "mv", "printf", "pushd", "rm", "set", "touch",
    "true",
];

/// After these the same programs are there as before, and the script goes on. After all others, programs may be there that were
/// not, or it may have ended.
const HARMLESS: [&str; 52] = [
    ":", "[", "aws", "cmake", "docker", "gh", "jq", "kubectl", "ninja", "yq", "basename", "cat", "cd",
    "chmod", "cmp", "cut", "date", "df", "diff", "dirname", "du", "echo", "export", "false", "file", "free",
    "git", "grep", "head", "id", "ls", "mkdir", "nproc", "popd", "printf", "pushd", "pwd", "realpath", "rm",
    "set", "sleep", "sort", "stat", "tail", "test", "touch", "tr", "true", "uname", "uniq", "wc", "whoami",
];
/// They are as long as no directory of programs is among their words.
const MOVING: [&str; 3] = ["cp", "mv", "tee"];

/// Programs that run another one, which is the word behind them.
const WRAPPERS: [&str; 6] = ["command", "env", "exec", "nohup", "sudo", "time"];
/// Options of `sudo` that take no argument.
const SUDO_FLAGS: [&str; 4] = ["-E", "-H", "-n", "-EH"];

/// Commands that set the variables they name.
const SETTERS: [&str; 7] = [
    "declare", "export", "local", "mapfile", "read", "readonly", "typeset",
];

type Read<T = usize> = Result<T, Unread>;

impl Surveyor {
    /// A whole script; it must end where its commands do.
    fn all(&mut self, tokens: &[Token], is_certain: bool) -> Read<()> {
        let end = self.list(tokens, 0, is_certain)?;
        if end == tokens.len() { Ok(()) } else { Err(Unread) }
    }

    fn deeper(&mut self) -> Read<()> {
        self.depth += 1;
        if self.depth > DEPTH { Err(Unread) } else { Ok(()) }
    }

    /// Commands, up to what ends the list.
    fn list(&mut self, tokens: &[Token], mut at: usize, is_certain: bool) -> Read {
        self.deeper()?;
        loop {
            match tokens.get(at) {
                Some(Token::Newline | Token::Semicolon | Token::Background) => at += 1,
                None | Some(Token::Close | Token::CaseEnd) => break,
                Some(Token::Word(word)) if ENDS.into_iter().any(|end| word.is(end)) => break,
                Some(_) => at = self.and_or(tokens, at, is_certain)?,
            }
        }
        self.depth -= 1;
        Ok(at)
    }

    /// `a && b || c`. The shell goes on after the failure of any but the last, so those are certain only where nothing
    /// follows. What stands at `||` never is.
    fn and_or(&mut self, tokens: &[Token], mut at: usize, is_certain: bool) -> Read {
        let begin = self.mark();
        let mut last = begin;
        let mut is_certain = is_certain;
        loop {
            let is_plain = matches!(tokens.get(at), Some(Token::Word(word)) if PLAIN.into_iter().any(|name| word.is(name)));
            at = self.pipeline(tokens, at, is_certain)?;
            match tokens.get(at) {
                Some(Token::And) => is_certain &= is_plain,
                Some(Token::Or) => {
                    is_certain = false;
                    self.doubt(begin, self.mark());
                }
                Some(Token::Background) => {
                    self.doubt(begin, self.mark());
                    break;
                }
                _ => break,
            }
            last = self.mark();
            at = skip_newlines(tokens, at + 1);
        }
        let mut rest = tokens[at..].iter();
        if !rest.all(|token| matches!(token, Token::Newline | Token::Semicolon)) {
            self.doubt(begin, last);
        }
        Ok(at)
    }

    fn pipeline(&mut self, tokens: &[Token], mut at: usize, is_certain: bool) -> Read {
        let mut is_certain = is_certain;
        while matches!(tokens.get(at), Some(Token::Word(word)) if word.is("!")) {
            is_certain = false;
            at += 1;
        }
        // The last command's end is the pipeline's: without `pipefail` the others may fail.
        loop {
            let begin = self.mark();
            at = self.command(tokens, at, is_certain)?;
            if tokens.get(at) != Some(&Token::Pipe) {
                return Ok(at);
            }
            self.doubt(begin, self.mark());
            at = skip_newlines(tokens, at + 1);
        }
    }

    fn command(&mut self, tokens: &[Token], at: usize, is_certain: bool) -> Read {
        self.deeper()?;
        let is = |reserved: &str| matches!(tokens.get(at), Some(Token::Word(word)) if word.is(reserved));
        let end = match tokens.get(at) {
            Some(Token::Open) => {
                let end = self.list(tokens, at + 1, is_certain)?;
                expect(tokens, end, &Token::Close)?
            }
            _ if is("{") => {
                let end = self.list(tokens, at + 1, is_certain)?;
                reserved(tokens, end, "}")?
            }
            _ if is("if") => self.compound(tokens, at + 1, "fi")?,
            _ if is("while") || is("until") => self.compound(tokens, at + 1, "done")?,
            _ if is("for") || is("select") => self.each(tokens, at + 1)?,
            _ if is("case") => self.case(tokens, at + 1)?,
            _ if is("[[") => self.condition(tokens, at + 1)?,
            _ if is("function") => self.function(tokens, at + 1)?,
            _ if is("coproc") => return Err(Unread),
            _ => self.simple(tokens, at, is_certain)?,
        };
        self.depth -= 1;
        let mut end = end;
        while let Some(Token::Redirect(target)) = tokens.get(end) {
            self.argument(target)?;
            end += 1;
        }
        Ok(end)
    }

    /// Behind `if` or `while`.
    fn compound(&mut self, tokens: &[Token], mut at: usize, end: &str) -> Read {
        loop {
            at = self.list(tokens, at, false)?;
            match tokens.get(at) {
                Some(Token::Word(word)) if word.is(end) => return Ok(at + 1),
                Some(Token::Word(word))
                    if ["then", "do", "elif", "else"].into_iter().any(|mid| word.is(mid)) =>
                {
                    at += 1
                }
                _ => return Err(Unread),
            }
        }
    }

    /// Behind `for`.
    fn each(&mut self, tokens: &[Token], mut at: usize) -> Read {
        if let Some(Token::Word(variable)) = tokens.get(at) {
            self.survey.own.insert(variable.text.clone());
            at += 1;
        }
        loop {
            match tokens.get(at) {
                Some(Token::Word(word)) if word.is("do") => return self.compound(tokens, at, "done"),
                Some(Token::Word(word)) => self.argument(word)?,
                Some(Token::Newline | Token::Semicolon) => {}
                _ => return Err(Unread),
            }
            at += 1;
        }
    }

    /// Behind `case`.
    fn case(&mut self, tokens: &[Token], at: usize) -> Read {
        let Some(Token::Word(word)) = tokens.get(at) else {
            return Err(Unread);
        };
        self.argument(word)?;
        let mut at = reserved(tokens, skip_newlines(tokens, at + 1), "in")?;
        loop {
            at = skip_newlines(tokens, at);
            if matches!(tokens.get(at), Some(Token::Word(word)) if word.is("esac")) {
                return Ok(at + 1);
            }
            at += usize::from(tokens.get(at) == Some(&Token::Open));
            while matches!(tokens.get(at), Some(Token::Word(_) | Token::Pipe)) {
                at += 1;
            }
            at = expect(tokens, at, &Token::Close)?;
            at = self.list(tokens, at, false)?;
            at += usize::from(tokens.get(at) == Some(&Token::CaseEnd));
        }
    }

    /// Behind `[[`: it asks about what it reads.
    fn condition(&mut self, tokens: &[Token], mut at: usize) -> Read {
        loop {
            match tokens.get(at) {
                Some(Token::Word(word)) if word.is("]]") => return Ok(at + 1),
                Some(Token::Word(word) | Token::Redirect(word)) => {
                    self.ask(word);
                    self.argument(word)?;
                }
                Some(_) => {}
                None => return Err(Unread),
            }
            at += 1;
        }
    }

    /// Behind `function`.
    fn function(&mut self, tokens: &[Token], at: usize) -> Read {
        let Some(Token::Word(name)) = tokens.get(at) else {
            return Err(Unread);
        };
        self.survey.own.insert(name.text.clone());
        let mut at = at + 1;
        if tokens.get(at) == Some(&Token::Open) {
            at = expect(tokens, at + 1, &Token::Close)?;
        }
        self.command(tokens, skip_newlines(tokens, at), false)
    }

    fn simple(&mut self, tokens: &[Token], mut at: usize, is_certain: bool) -> Read {
        let (mut words, mut targets): (Vec<&Word>, Vec<&Word>) = Default::default();
        let begin = at;
        loop {
            match tokens.get(at) {
                Some(Token::Word(word)) => words.push(word),
                Some(Token::Redirect(target)) => targets.push(target),
                Some(Token::Open) => match words.last() {
                    Some(array) if array.text.ends_with('=') => at = self.array(tokens, at + 1)?,
                    Some(name) if words.len() == 1 && targets.is_empty() && name.literal().is_some() => {
                        return self.function(tokens, begin);
                    }
                    _ => return Err(Unread),
                },
                _ if at == begin => return Err(Unread),
                _ => break,
            }
            at += 1;
        }
        self.run(&words, &targets, is_certain && !self.is_open)?;
        Ok(at)
    }

    /// Behind the `(` of `NAME=(…)`; where its `)` is.
    fn array(&mut self, tokens: &[Token], mut at: usize) -> Read {
        loop {
            match tokens.get(at) {
                Some(Token::Close) => return Ok(at),
                Some(Token::Word(word)) => self.argument(word)?,
                Some(Token::Newline) => {}
                _ => return Err(Unread),
            }
            at += 1;
        }
    }

    /// One command: its words, and what it redirects to. A command does not fail for what is in its arguments: neither for a
    /// variable that is empty nor for a substitution.
    fn run(&mut self, words: &[&Word], targets: &[&Word], is_certain: bool) -> Read<()> {
        // Who throws away what a program says expects that it may fail.
        let is_heard = targets.iter().all(|target| target.text != "/dev/null");
        let is_certain = is_certain && is_heard;
        let mut opens = false;
        let mut rest = words.iter();
        let mut name = "";
        for word in rest.by_ref() {
            if let Some(variable) = assigned(word) {
                opens |= self.set(variable);
                self.mention(word);
                // Alone, its end is that of its substitution.
                self.inside(word, is_certain && words.len() == 1)?;
                continue;
            }
            let Some(literal) = word.literal().filter(|name| !name.contains('/')) else {
                self.program(word, is_certain)?;
                opens = true;
                break;
            };
            if name == "sudo" && SUDO_FLAGS.contains(&literal) {
                continue;
            }
            if literal.starts_with('-') {
                self.argument(word)?;
                opens = true;
                break;
            }
            name = literal;
            opens |= name == "exec" || self.survey.own.contains(name);
            self.survey.calls.push(Use {
                name: name.to_owned(),
                is_certain,
            });
            if !WRAPPERS.contains(&name) {
                break;
            }
        }
        let arguments: Vec<&Word> = rest.copied().collect();
        let is_shown = ["echo", "printf"].contains(&name)
            && targets
                .iter()
                .all(|target| ["1", "2"].contains(&target.text.as_str()));
        for word in &arguments {
            if ["[", "test"].contains(&name) {
                self.ask(word);
            }
            if SETTERS.contains(&name) {
                opens |= self.set(assigned(word).unwrap_or(&word.text));
            }
            if is_shown {
                self.inside(word, false)?;
            } else {
                self.argument(word)?;
            }
        }
        for target in targets {
            self.argument(target)?;
        }
        let is_moving = MOVING.contains(&name) && !arguments.iter().any(|word| word.text.contains("bin"));
        opens |= !(name.is_empty() || HARMLESS.contains(&name) || is_moving);
        // `set +e`, and whatever has that among its letters.
        opens |= name == "set" && arguments.iter().any(|word| word.text.starts_with('+'));
        self.is_open |= opens;
        Ok(())
    }

    /// A program by its path, which is nowhere where a variable that begins it is not set.
    fn program(&mut self, word: &Word, is_certain: bool) -> Read<()> {
        let begin = self.survey.reads.len();
        self.argument(word)?;
        if let [read] = &mut self.survey.reads[begin..] {
            let is_guarded = word.reads.iter().any(|read| read.is_guarded);
            read.is_certain = is_certain && !is_guarded && word.text.contains('/');
        }
        Ok(())
    }

    /// A variable that the script sets; whether that changes which programs there are.
    fn set(&mut self, name: &str) -> bool {
        self.survey.own.insert(name.to_owned());
        ["PATH", "BASH_ENV", "ENV"].contains(&name)
    }

    /// The script asks about what the word reads.
    fn ask(&mut self, word: &Word) {
        let names = word.reads.iter().map(|read| read.name.clone());
        self.survey.own.extend(names);
    }

    fn argument(&mut self, word: &Word) -> Read<()> {
        self.mention(word);
        self.inside(word, false)
    }

    fn mention(&mut self, word: &Word) {
        self.name_all(&word.text);
        for read in &word.reads {
            if read.is_guarded {
                self.survey.own.insert(read.name.clone());
            }
            self.survey.reads.push(Use {
                name: read.name.clone(),
                is_certain: false,
            });
        }
    }

    fn inside(&mut self, word: &Word, is_certain: bool) -> Read<()> {
        for inside in &word.inside {
            self.deeper()?;
            self.all(&inside.tokens, is_certain && !inside.is_process)?;
            self.depth -= 1;
        }
        Ok(())
    }

    fn name_all(&mut self, text: &str) {
        let pieces = text.split(|c: char| !c.is_ascii_alphanumeric() && !"_.+-".contains(c));
        let pieces = pieces.filter(|piece| !piece.is_empty()).map(str::to_owned);
        self.survey.named.extend(pieces);
    }

    fn mark(&self) -> (usize, usize) {
        (self.survey.calls.len(), self.survey.reads.len())
    }

    /// What was found between two marks is not certain.
    fn doubt(&mut self, from: (usize, usize), to: (usize, usize)) {
        let calls = self.survey.calls[from.0..to.0].iter_mut();
        let reads = self.survey.reads[from.1..to.1].iter_mut();
        calls.chain(reads).for_each(|of| of.is_certain = false);
    }
}

/// The variable of `NAME=value` and `NAME+=value`.
fn assigned(word: &Word) -> Option<&str> {
    let (name, _) = word.text.split_once('=')?;
    let name = name.strip_suffix('+').unwrap_or(name);
    // Of an array.
    let name = name.split('[').next().unwrap_or_default();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some(name)
}

fn skip_newlines(tokens: &[Token], mut at: usize) -> usize {
    while tokens.get(at) == Some(&Token::Newline) {
        at += 1;
    }
    at
}

fn expect(tokens: &[Token], at: usize, token: &Token) -> Read {
    if tokens.get(at) == Some(token) {
        Ok(at + 1)
    } else {
        Err(Unread)
    }
}

fn reserved(tokens: &[Token], at: usize, word: &str) -> Read {
    match tokens.get(at) {
        Some(Token::Word(found)) if found.is(word) => Ok(at + 1),
        _ => Err(Unread),
    }
}
