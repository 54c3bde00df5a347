//! Signals by name or number (signal(7)).
//!
//! Runtimes get the number: crun 1.8.1 takes a name that it does not know, one in small letters for
//! instance, for signal 0, sends nothing and is content; runc does not know those of real time.

use std::fmt;
use std::str::FromStr;

use rustix::process::Signal as Named;

use crate::error::RuntimeError;

/// The first and the last signal of real time that the C library leaves to programs.
const REAL_TIME: (u8, u8) = (34, 64);

const NAMES: [(&str, Named); 34] = [
    ("HUP", Named::HUP),
    ("INT", Named::INT),
    ("QUIT", Named::QUIT),
    ("ILL", Named::ILL),
    ("TRAP", Named::TRAP),
    ("ABRT", Named::ABORT),
    ("IOT", Named::ABORT),
    ("BUS", Named::BUS),
    ("FPE", Named::FPE),
    ("KILL", Named::KILL),
    ("USR1", Named::USR1),
    ("SEGV", Named::SEGV),
    ("USR2", Named::USR2),
    ("PIPE", Named::PIPE),
    ("ALRM", Named::ALARM),
    ("TERM", Named::TERM),
    ("STKFLT", Named::STKFLT),
    ("CHLD", Named::CHILD),
    ("CLD", Named::CHILD),
    ("CONT", Named::CONT),
    ("STOP", Named::STOP),
    ("TSTP", Named::TSTP),
    ("TTIN", Named::TTIN),
    ("TTOU", Named::TTOU),
    ("URG", Named::URG),
    ("XCPU", Named::XCPU),
    ("XFSZ", Named::XFSZ),
    ("VTALRM", Named::VTALARM),
    ("PROF", Named::PROF),
    ("WINCH", Named::WINCH),
    ("IO", Named::IO),
    ("POLL", Named::IO),
    ("PWR", Named::POWER),
    ("SYS", Named::SYS),
];

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(u8);

impl FromStr for Signal {
    type Err = RuntimeError;

    /// Takes `TERM`, `SIGTERM`, `RTMIN+3`, `RTMAX-1` and numbers, in any case.
    fn from_str(text: &str) -> Result<Self, RuntimeError> {
        by_name(text)
            .or_else(|| text.parse().ok())
            .filter(|number| (1..=REAL_TIME.1).contains(number))
            .map(Self)
            .ok_or_else(|| RuntimeError::BadSignal {
                text: text.chars().take(160).collect(),
            })
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn by_name(text: &str) -> Option<u8> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |prefix, sign| match name.strip_prefix(prefix)? {
        "" => Some(0),
        rest => rest.strip_prefix(sign)?.parse::<u8>().ok(),
    };
    let (first, last) = REAL_TIME;
    let number = if let Some(above) = real_time("RTMIN", '+') {
        first.checked_add(above)?
    } else if let Some(below) = real_time("RTMAX", '-') {
        last.checked_sub(below)?
    } else {
        let (_, signal) = NAMES.iter().find(|(known, _)| *known == name)?;
        return u8::try_from(signal.as_raw()).ok();
    };
    (first..=last).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read() {
        for (text, want) in [
            ("TERM", Some(15)),
            ("SIGKILL", Some(9)),
            ("sigusr1", Some(10)),
            ("15", Some(15)),
            ("64", Some(64)),
            ("RTMIN", Some(34)),
            ("SIGRTMIN+3", Some(37)),
            ("RTMAX-14", Some(50)),
            ("rtmax", Some(64)),
            ("0", None),
            ("65", None),
            ("-9", None),
            ("RTMIN+31", None),
            ("RTMIN-1", None),
            ("RTMAX-31", None),
            ("RTMIN+", None),
            ("SIG", None),
            ("SIGSIGTERM", None),
            ("NOSUCH", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), want.map(Signal), "{text}");
        }
    }
}
