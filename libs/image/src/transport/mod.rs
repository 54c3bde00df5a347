//! The transports: for each a source and a sink, and what deletes where that can be done.

pub(crate) mod attachments;
pub(crate) mod dir_sink;
pub(crate) mod dir_source;
pub(crate) mod docker_archive_sink;
pub(crate) mod docker_archive_source;
pub(crate) mod docker_daemon;
pub(crate) mod docker_delete;
pub(crate) mod docker_endpoint;
pub(crate) mod docker_head;
pub(crate) mod docker_sink;
pub(crate) mod docker_source;
pub(crate) mod layout;
pub(crate) mod oci_archive_sink;
pub(crate) mod oci_archive_source;
pub(crate) mod oci_delete;
pub(crate) mod oci_sink;
pub(crate) mod oci_source;
pub(crate) mod output;
pub(crate) mod pushed;
pub(crate) mod signatures;
pub(crate) mod spool;
pub(crate) mod store_sink;
pub(crate) mod store_source;
