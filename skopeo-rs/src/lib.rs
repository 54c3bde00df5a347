//! Looks at, copies, syncs, deletes, signs and verifies container images, wherever they are.
//!
//! The command line, the standard output and the exit status are those of skopeo; where they
//! differ on purpose, `docs/quirks/skopeo-rs.md` says so. This crate is grammar, one call into a
//! library, and printing: one file per verb, with its flags and its `run`.
#![forbid(unsafe_code)]

mod access;
mod copy;
mod copy_flags;
mod delete;
mod duration;
mod generate_sigstore_key;
mod global;
mod image_proxy;
mod inspect;
mod layers;
mod list_referrers;
mod list_tags;
mod login;
mod logout;
mod manifest_digest;
mod retry;
mod session;
mod signature_dump;
mod standalone_sign;
mod standalone_verify;
mod sync;
mod unsupported;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use term::{Interrupt, Program};

use crate::global::Global;
use crate::session::Session;

/// The name under which errors are reported.
const NAME: &str = "skopeo-rs";

/// What follows the program's help and stands at the end of its manual page.
const AFTER_HELP: &str = "\
IMAGE NAMES:
An image is named TRANSPORT:REST.

  docker://HOST[:PORT]/PATH[:TAG|@DIGEST]   a registry; the tag defaults to latest
  oci:PATH[:REF]                            an OCI image layout, a directory
  oci-archive:PATH[:REF]                    the same in a tar; - is standard input or output
  docker-archive:PATH[:NAME:TAG]            a tar as `docker save` writes it; - as above
  dir:PATH                                  the plain files of one image
  docker-daemon:NAME:TAG                    an image of the docker daemon, or its sha256:ID
  store:NAME                                the store of this host, see storetool(1)

EXAMPLES:
  skopeo-rs inspect docker://registry.example/app:1
  skopeo-rs copy docker://registry.example/app:1 oci:layout:1
  skopeo-rs copy docker://registry.example/app:1 oci-archive:- | storetool import -
  skopeo-rs list-tags --lines docker://registry.example/app

FILES:
  /etc/containers/policy.json       which images may be copied (--policy)
  /etc/containers/registries.conf   mirrors, blocked and insecure registries
  /etc/containers/registries.d      where signatures lie (--registries.d)
  /etc/containers/certs.d           certificates of registries (--cert-dir)
  $XDG_RUNTIME_DIR/containers/auth.json
                                    credentials (--authfile)

EXIT STATUS:
0 when all went well, 2 when the image was not found, 129, 130 or 143 when it was interrupted by SIGHUP, Ctrl-C or SIGTERM, 1 in all other cases, a wrong command line among them.

SEE ALSO:
storetool(1), ocitool(1), skopeo(1), containers-policy.json(5)";

/// Look at, copy, sync, delete, sign and verify container images
///
/// skopeo-rs works on images where they are: in registries, in directories, in archives and in
/// the local store. It needs no daemon and, except for the local store, no privilege.
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_long_help = AFTER_HELP)]
#[command(subcommand_required = true, arg_required_else_help = false)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Copy(Box<copy::Args>),
    Delete(delete::Args),
    #[command(name = "experimental-image-proxy")]
    ImageProxy(image_proxy::Args),
    GenerateSigstoreKey(generate_sigstore_key::Args),
    Inspect(Box<inspect::Args>),
    Layers(layers::Args),
    ListReferrers(list_referrers::Args),
    ListTags(list_tags::Args),
    Login(login::Args),
    Logout(logout::Args),
    ManifestDigest(manifest_digest::Args),
    StandaloneSign(standalone_sign::Args),
    StandaloneVerify(standalone_verify::Args),
    Sync(Box<sync::Args>),
    #[command(name = "untrusted-signature-dump-without-verification")]
    SignatureDump(signature_dump::Args),
}

/// The grammar, for manual pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program on the arguments of the process.
pub fn main() -> ExitCode {
    let program = Program::new(NAME).usage_status(1);
    program.main(command(), std::env::args_os(), run)
}

fn run(cli: Cli, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let writes_store = matches!(&cli.verb, Verb::Copy(args) if args.writes_store());
    let mut session = Session::new(cli.global, interrupt, writes_store)?;
    let done = match cli.verb {
        Verb::Copy(args) => copy::run(*args, &session),
        Verb::Delete(args) => delete::run(args, &session),
        Verb::ImageProxy(args) => image_proxy::run(args, &session),
        Verb::GenerateSigstoreKey(args) => generate_sigstore_key::run(&args, interrupt),
        Verb::Inspect(args) => inspect::run(&args, &session),
        Verb::Layers(args) => layers::run(args, &session),
        Verb::ListReferrers(args) => list_referrers::run(args, &session),
        Verb::ListTags(args) => list_tags::run(args, &session),
        Verb::Login(args) => login::run(&args, &session),
        Verb::Logout(args) => logout::run(&args, &session),
        Verb::ManifestDigest(args) => manifest_digest::run(&args, interrupt),
        Verb::StandaloneSign(args) => standalone_sign::run(&args, interrupt),
        Verb::StandaloneVerify(args) => standalone_verify::run(&args, interrupt),
        Verb::Sync(args) => {
            session.context.client.max_connections_per_host = args.connections();
            sync::run(&args, &session)
        }
        Verb::SignatureDump(args) => signature_dump::run(&args, interrupt),
    };
    for warning in session.context.warnings() {
        session.warn(&warning);
    }
    session.judge(done)?;
    Ok(ExitCode::SUCCESS)
}
