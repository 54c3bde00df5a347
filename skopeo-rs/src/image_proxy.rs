//! `skopeo-rs experimental-image-proxy`: images for another process.

use anyhow::Context as _;
use image::proxy;

use crate::access::{Access, Places};
use crate::session::Session;

const AFTER_HELP: &str = "\
Serves the protocol of skopeo(1)'s command of this name, version 0.2.8, on an inherited SOCK_SEQPACKET socket: a client opens images and gets manifests, configurations and blobs through pipes. bootc and ostree-rs-ext are such clients. The trust policy is asked for each image that is opened.

EXIT STATUS:
0 when the client has hung up, 1 otherwise.

SEE ALSO:
skopeo-rs(1), containers-policy.json(5)";

/// Serve images to another process (experimental)
#[derive(Debug, clap::Args)]
#[command(hide = true, after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The number of the socket among the open descriptors
    #[arg(long, value_name = "FD", default_value_t = 0)]
    sockfd: u32,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    places: Places,
}

pub(crate) fn run(args: Args, session: &Session) -> anyhow::Result<()> {
    let policy = session.policy()?;
    let mut endpoint = args.access.options(None, session.global.tls_verify)?;
    args.places.apply(&mut endpoint);
    let socket = sys::inherited::inherited(args.sockfd)
        .with_context(|| format!("--sockfd {}", args.sockfd))?;
    proxy::serve(&socket, &session.context, &policy, &endpoint)
        .with_context(|| format!("serving on descriptor {}", args.sockfd))
}
