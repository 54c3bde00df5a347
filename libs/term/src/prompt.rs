//! Questions to a person at the terminal.
//!
//! The question goes to standard output, as other tools ask it; the answer comes from standard
//! input, a byte at a time: what follows the line belongs to somebody else. Who presses Ctrl-C is
//! heard at once, and a terminal that was made silent speaks again.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use sys::StoppableReader;

use crate::Interrupt;

/// Longest answer, in bytes.
const ANSWER_BYTES: usize = 64 << 10;

/// Asks, and reads one line.
///
/// # Errors
/// When there is no line, or somebody asked to stop.
pub fn line(question: &str, interrupt: &Interrupt) -> io::Result<String> {
    ask(question)?;
    read_line(interrupt)
}

/// Asks, and reads one line that the terminal does not show.
///
/// # Errors
/// When standard input is no terminal, there is no line, or somebody asked to stop.
pub fn secret(question: &str, interrupt: &Interrupt) -> io::Result<String> {
    if !io::stdin().is_terminal() {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "standard input is no terminal",
        ));
    }
    ask(question)?;
    let silent = Silent::begin()?;
    let answer = read_line(interrupt);
    drop(silent);
    ask("\n")?;
    answer
}

fn ask(question: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(question.as_bytes())?;
    out.flush()
}

fn read_line(interrupt: &Interrupt) -> io::Result<String> {
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut reader = StoppableReader::new(stdin, || interrupt.is_set());
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        if reader.read(&mut byte)? == 0 {
            if line.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            break;
        }
        if byte == *b"\n" {
            break;
        }
        if line.len() == ANSWER_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        line.extend(byte);
    }
    String::from_utf8(line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// A terminal that shows nothing of what is typed, until the value goes.
struct Silent(Termios);

impl Silent {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent
            .local_modes
            .insert(LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // A terminal that has gone away shows nothing anyway.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
