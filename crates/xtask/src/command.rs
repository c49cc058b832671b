//! Running other programs: shown, followed line by line, and remembered.

use anyhow::Context;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) success: bool,
    /// What it printed on both streams, line by line.
    pub(crate) lines: Vec<String>,
}

/// Runs to the end and passes on what is printed, so that a long step shows that it lives.
pub(crate) fn follow(command: &mut Command) -> anyhow::Result<Finished> {
    announce(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} can't be started", command.get_program().display()))?;
    let (sender, receiver) = mpsc::channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as _),
        child.stderr.take().map(|stream| Box::new(stream) as _),
    ];
    for stream in streams.into_iter().flatten() {
        let sender = sender.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                // The receiver is gone only when xtask itself is.
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
    }
    drop(sender);
    let lines = receiver.into_iter().inspect(|line| println!("{line}")).collect();
    let status = child.wait().context("the program's end can't be learned")?;
    Ok(Finished {
        success: status.success(),
        lines,
    })
}

/// Runs to the end; an error where it fails.
pub(crate) fn must(command: &mut Command) -> anyhow::Result<()> {
    let finished = follow(command)?;
    anyhow::ensure!(
        finished.success,
        "{} failed, see above",
        command.get_program().display()
    );
    Ok(())
}

/// What it prints, trimmed; none where it is missing or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn announce(command: &Command) {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    println!("$ {line}");
}
