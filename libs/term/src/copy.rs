//! The progress of a copy.
