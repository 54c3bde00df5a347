//! One tar entry with its overrides applied.
mod rules;
pub use rules::{Offence, Rule};
pub(crate) use rules::shown;
