//! Tests of the whole store: images go in, trees, tars, mounts and findings come out.

mod composefs;
mod crash;
mod erofs;
mod fsck;
mod kit;
mod memory;
mod merge;
mod mount;
mod namespaces;
mod stream;
mod transaction;
mod ways;
