//! Images for another process: the protocol of `skopeo experimental-image-proxy`, which bootc and
//! ostree use.
//!
//! ```text
//! client ── SOCK_SEQPACKET ──▶ {"method": NAME, "args": […]}
//!        ◀── one packet ────── {"success","value","pipeid","error_code","error"} + descriptors
//! ```
//!
//! | method | value | besides |
//! | --- | --- | --- |
//! | `Initialize` | the version of the protocol | |
//! | `OpenImage`, `OpenImageOptional` NAME | an id; 0 where the second finds nothing | |
//! | `CloseImage` ID, `Shutdown` | | |
//! | `GetManifest` ID | the digest as it is | a pipe: the manifest as OCI's |
//! | `GetFullConfig`, `GetConfig` ID | | a pipe: the configuration, or its `config` member |
//! | `GetBlob` ID DIGEST SIZE | the size | a pipe |
//! | `GetRawBlob` ID DIGEST | the size | two pipes: content, and `{"code","message"}` after a failure |
//! | `GetLayerInfo`, `GetLayerInfoPiped` ID | `[{"digest","size","media_type"}]` | a pipe for the second |
//! | `FinishPipe` PIPEID | | tells whether what came through was all |
//!
//! A blob is verified on its way; a pipe ends early where it is not the right one, and `FinishPipe`,
//! or the second pipe, says so.

mod handler;
mod pipes;
mod wire;

use std::io;
use std::os::fd::OwnedFd;

use signing::Policy;

use crate::context::{Context, EndpointOptions};
use handler::Handler;

/// Serves one client until it hangs up or says that it is done.
///
/// # Errors
/// The socket fails, or is none.
pub fn serve(
    socket: &OwnedFd,
    context: &Context,
    policy: &Policy,
    endpoint: &EndpointOptions,
) -> io::Result<()> {
    let mut handler = Handler::new(context, policy, endpoint);
    loop {
        let Some(request) = wire::receive(socket, || context.client.cancel.is_cancelled())? else {
            return Ok(());
        };
        let Some(answer) = handler.answer(&request) else {
            return Ok(());
        };
        wire::send(socket, answer)?;
    }
}
