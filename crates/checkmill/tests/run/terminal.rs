//! The program on a terminal, and what a person sees there.

use crate::program::{LIMIT, Project};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Python's standard library makes the terminal; python is there for the steps' own tests. Its arguments: the columns, and the
/// command.
const BRIDGE: &str = r#"
import fcntl, os, pty, select, struct, sys, termios
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, int(sys.argv[1]), 0, 0))
    os.execv(sys.argv[2], sys.argv[2:])
inputs = [terminal, 0]
while True:
    ready = select.select(inputs, [], [])[0]
    if terminal in ready:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        os.write(1, data)
    if 0 in ready:
        data = os.read(0, 1024)
        if data:
            os.write(terminal, data)
        else:
            inputs.remove(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

pub(crate) struct Terminal<'p> {
    project: &'p Project,
    child: Child,
    columns: usize,
    bytes: Arc<Mutex<Vec<u8>>>,
    reading: tokio::task::JoinHandle<()>,
}

impl<'p> Terminal<'p> {
    /// `checkmill run .` in the project's directory.
    pub(crate) fn run(project: &'p Project, columns: usize, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new("python3")
            .args([
                "-c",
                BRIDGE,
                &columns.to_string(),
                env!("CARGO_BIN_EXE_checkmill"),
            ])
            .args(["run", "."])
            .current_dir(project.path())
            .env("TMPDIR", project.temporary())
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (mut from, to) = (child.stdout.take().unwrap(), Arc::clone(&bytes));
        let reading = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut buffer).await {
                to.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self {
            project,
            child,
            columns,
            bytes,
            reading,
        }
    }

    /// Somebody presses these keys.
    pub(crate) async fn press(&mut self, keys: &[u8]) {
        let stdin = self.child.stdin.as_mut().unwrap();
        let written = async {
            stdin.write_all(keys).await?;
            stdin.flush().await
        };
        timeout(LIMIT, written)
            .await
            .expect("the terminal takes keys")
            .unwrap();
    }

    pub(crate) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    /// The lines as a person sees them now.
    pub(crate) fn screen(&self) -> Vec<String> {
        screen(&self.raw(), self.columns)
    }

    /// Waits for its end, and for whatever it has left to run: the exit code.
    pub(crate) async fn end(&mut self) -> Option<i32> {
        let end = async {
            let status = self.child.wait().await.unwrap();
            (&mut self.reading).await.unwrap();
            status.code()
        };
        let code = timeout(LIMIT, end).await;
        let code = code.unwrap_or_else(|_| panic!("the program does not end:\n{:#?}", self.screen()));
        self.project.nothing_is_left().await;
        code
    }
}

/// What a terminal of so many columns makes of it: texts, colours, and the cursor's ways that programs with a live table use.
fn screen(raw: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0_usize, 0_usize);
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{1b}' => {
                // Nothing but `ESC [ number letter` is used; what is cut off will come.
                let mut number = String::new();
                let mut letter = None;
                for c in chars.by_ref().skip_while(|c| *c == '[') {
                    if c.is_ascii_alphabetic() {
                        letter = Some(c);
                        break;
                    }
                    number.push(c);
                }
                let count = number.parse().unwrap_or(1);
                match letter {
                    Some('A') => row = row.saturating_sub(count),
                    Some('B') => row += count,
                    Some('C') => column += count,
                    Some('D') => column = column.saturating_sub(count),
                    Some('K') if number == "2" => lines[row].clear(),
                    Some('K') => lines[row].truncate(column),
                    Some('J') => {
                        lines.truncate(row + 1);
                        lines[row].truncate(column);
                    }
                    Some('m' | 'h' | 'l') | None => {}
                    Some(other) => panic!("ESC [ {number} {other} is not known here"),
                }
            }
            c if c.is_control() => {}
            c => {
                if column == columns {
                    (row, column) = (row + 1, 0);
                }
                if lines.len() <= row {
                    lines.resize(row + 1, Vec::new());
                }
                let line = &mut lines[row];
                if line.len() <= column {
                    line.resize(column + 1, ' ');
                }
                line[column] = c;
                column += 1;
            }
        }
        if lines.len() <= row {
            lines.resize(row + 1, Vec::new());
        }
    }
    let text = |line: Vec<char>| line.into_iter().collect::<String>().trim_end().to_owned();
    lines.into_iter().map(text).collect()
}

#[test]
fn a_screen_is_what_was_drawn_last() {
    assert_eq!(
        screen("abc\r\nx\u{1b}[1A\r\u{1b}[2Kd\u{1b}[36me", 80),
        ["de", "x"]
    );
    assert_eq!(screen("abcdef\rX", 4), ["abcd", "Xf"]);
}
