//! Many images brought from one place to another, and kept there as they are here.
//!
//! A sync is lists, filtered ([`list()`]); a name at the destination for each image ([`Target`]);
//! a comparison that moves no image ([`compare()`]); copies; and the removal of what the source no
//! longer has ([`stale`]).
//!
//! | module | owns |
//! | --- | --- |
//! | `source` | which images there are: a repository, a tree of `dir:` images, a YAML file |
//! | `filter`, `versions` | which of their tags are wanted |
//! | `target` | what they are called at the destination |
//! | `compare` | whether the destination has them, by HEAD alone where that says it |
//! | `prune` | what the destination has and the source has not |

mod compare;
mod filter;
mod prune;
mod source;
mod target;
mod versions;

pub use compare::{Difference, compare, may_skip};
pub use filter::{Age, FilterError, TagFilter};
pub use prune::{remove, stale};
pub use source::{Listing, SyncRepository, SyncSource, list};
pub use target::{Target, TargetKind};
pub use versions::{Constraint, ConstraintError};
