# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_skopeo_rs_global_optspecs
    string join \n debug policy= insecure-policy require-signed registries-d= registries-conf= override-arch= override-os= override-variant= command-timeout= tmpdir= user-agent-prefix= tls-verify= h/help V/version
end

function __fish_skopeo_rs_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    set cmd (string replace --regex -- '^(--[^=]*)\.' '$1-' $cmd)
    argparse -s (__fish_skopeo_rs_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_skopeo_rs_using_subcommand
    set -l cmd (__fish_skopeo_rs_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -l tls-verify -d 'The old place of the flag that each image has now' -r -f -a "true\t''
false\t''"
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -s V -l version -d 'Print version'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "copy" -d 'Copy an image from one place to another'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "delete" -d 'Delete an image'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "experimental-image-proxy" -d 'Serve images to another process (experimental)'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "generate-sigstore-key" -d 'Make a pair of keys for sigstore signatures'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "inspect" -d 'Show what images are, without copying them'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "layers" -d 'Fetch layers of an image into a new directory (deprecated: use copy)'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "list-referrers" -d 'List signatures, SBOMs and whatever else is about an image'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "list-tags" -d 'List the tags of a repository or of a docker archive'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "login" -d 'Log in to a registry'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "logout" -d 'Log out of a registry'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "manifest-digest" -d 'Compute the digest of a manifest in a file'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "standalone-sign" -d 'Create a signature using local files'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "standalone-verify" -d 'Verify a signature using local files'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "sync" -d 'Bring many images from one place to another'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "untrusted-signature-dump-without-verification" -d 'Show what a signature claims, WITHOUT VERIFYING IT'
complete -c skopeo-rs -n "__fish_skopeo_rs_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l multi-arch -d 'Which instances of a list are copied: system (default), all, index-only, or platforms' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l additional-tag -d 'Write more names into a docker-archive: (can be repeated)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l digestfile -d 'Write the digest of the copied manifest, or list, to this file' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l image-parallel-copies -d 'Copy so many layers at once (0 or default: 6)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l progress -d 'How progress is shown on standard error' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
plain\t'One line per event'
json\t'One JSON object per event'
none\t'Nothing'"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -s f -l format -d 'Write manifests in this format (default: that of the source where the destination takes it)' -r -f -a "oci\t'OCI image manifests'
v2s2\t'Docker schema 2'"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l sign-by -d 'Sign the copy with this secret key of the GnuPG home: fingerprint, id or user' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l sign-by-sq-fingerprint -d 'Sign the copy with this secret key of sq: its fingerprint' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l sign-by-sigstore-private-key -d 'Sign the copy with this private key of cosign' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l sign-by-sigstore -d 'Sign the copy as this file says (containers-sigstore-signing-params.yaml(5)): with a private key' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l sign-passphrase-file -d 'Read the passphrase of the one key from the first line of this file' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l sign-identity -d 'Sign this name instead of the destination\'s' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l retry-times -d 'Try so many times more when the network or the registry fails' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l retry-delay -d 'Wait so long between tries (default 1s, 2s, 4s, ...)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l authfile -d 'Read credentials of both sides from this file alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l src-creds -d 'Be this user at the registry; without :PASSWORD the password is empty' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l src-username -d 'Be this user at the registry' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l src-password -d 'The password of the user' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l src-registry-token -d 'Send this bearer token' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l src-cert-dir -d 'Read certificates from this directory: *.crt for the registry, *.cert with *.key for us' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l src-tls-verify -d 'Demand HTTPS with a certificate that verifies; registries.conf decides by default' -r -f -a "true\t''
false\t''"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l src-authfile -d 'Read credentials from this file alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l src-shared-blob-dir -d 'Keep the blobs of oci: layouts in this directory, shared by several layouts' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l src-daemon-host -d 'Where the docker daemon listens, for docker-daemon: (unix://PATH, tcp://HOST:PORT, http://HOST:PORT)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-creds -d 'Be this user at the registry; without :PASSWORD the password is empty' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-username -d 'Be this user at the registry' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-password -d 'The password of the user' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-registry-token -d 'Send this bearer token' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-cert-dir -d 'Read certificates from this directory: *.crt for the registry, *.cert with *.key for us' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-tls-verify -d 'Demand HTTPS with a certificate that verifies; registries.conf decides by default' -r -f -a "true\t''
false\t''"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-authfile -d 'Read credentials from this file alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-shared-blob-dir -d 'Keep the blobs of oci: layouts in this directory, shared by several layouts' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-daemon-host -d 'Where the docker daemon listens, for docker-daemon: (unix://PATH, tcp://HOST:PORT, http://HOST:PORT)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-compress-format -d 'Compress layers in this format where the destination compresses' -r -f -a "gzip\t'Readable everywhere'
zstd\t'Smaller and faster, needs OCI manifests'"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-compress-level -d 'Compress at this level (gzip 1 to 9, zstd 1 to 20)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l encryption-key -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l decryption-key -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l encrypt-layer -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -s a -l all -d 'Copy every instance of a list, and the list'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l strip-removed-platforms -d 'Write the list without the platforms that are not copied'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -s q -l quiet -d 'Print nothing but errors'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l preserve-digests -d 'Fail rather than change any digest'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l referrers -d 'Copy what is about the image, too: signatures, SBOMs, attestations (see list-referrers)'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l remove-signatures -d 'Leave the signatures of the source behind; the policy sees them nevertheless'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l src-no-creds -d 'Be nobody, even when the credential file knows somebody'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-no-creds -d 'Be nobody, even when the credential file knows somebody'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-compress -d 'dir: only: compress layers that are not compressed'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-decompress -d 'dir: only: decompress layers that are compressed'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-oci-accept-uncompressed-layers -d 'oci: and oci-archive: only: keep layers uncompressed that are (default: compress them)'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-force-compress-format -d 'Do not use layers at the destination that are compressed otherwise'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l dest-precompute-digests -d 'Know the digest of a layer before it is uploaded, by way of a temporary file'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand copy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l retry-times -d 'Try so many times more when the network or the registry fails' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l retry-delay -d 'Wait so long between tries (default 1s, 2s, 4s, ...)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l creds -d 'Be this user at the registry; without :PASSWORD the password is empty' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l username -d 'Be this user at the registry' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l password -d 'The password of the user' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l registry-token -d 'Send this bearer token' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l cert-dir -d 'Read certificates from this directory: *.crt for the registry, *.cert with *.key for us' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l tls-verify -d 'Demand HTTPS with a certificate that verifies; registries.conf decides by default' -r -f -a "true\t''
false\t''"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l authfile -d 'Read credentials from this file alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l shared-blob-dir -d 'Keep the blobs of oci: layouts in this directory, shared by several layouts' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l daemon-host -d 'Where the docker daemon listens, for docker-daemon: (unix://PATH, tcp://HOST:PORT, http://HOST:PORT)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l tag-only -d 'Take away the tag alone, and leave the image and its other tags'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l if-only-tag -d 'Delete nothing when other tags point to the same image, and name them'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l dry-run -d 'Delete nothing, and print what would go'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l no-creds -d 'Be nobody, even when the credential file knows somebody'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l sockfd -d 'The number of the socket among the open descriptors' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l creds -d 'Be this user at the registry; without :PASSWORD the password is empty' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l username -d 'Be this user at the registry' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l password -d 'The password of the user' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l registry-token -d 'Send this bearer token' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l cert-dir -d 'Read certificates from this directory: *.crt for the registry, *.cert with *.key for us' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l tls-verify -d 'Demand HTTPS with a certificate that verifies; registries.conf decides by default' -r -f -a "true\t''
false\t''"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l authfile -d 'Read credentials from this file alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l shared-blob-dir -d 'Keep the blobs of oci: layouts in this directory, shared by several layouts' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l daemon-host -d 'Where the docker daemon listens, for docker-daemon: (unix://PATH, tcp://HOST:PORT, http://HOST:PORT)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l no-creds -d 'Be nobody, even when the credential file knows somebody'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand experimental-image-proxy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand generate-sigstore-key" -l output-prefix -d 'Write the keys to PREFIX.private and PREFIX.pub' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand generate-sigstore-key" -l passphrase-file -d 'Read the passphrase of the private key from the first line of this file' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand generate-sigstore-key" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand generate-sigstore-key" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand generate-sigstore-key" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand generate-sigstore-key" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand generate-sigstore-key" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand generate-sigstore-key" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand generate-sigstore-key" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand generate-sigstore-key" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand generate-sigstore-key" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand generate-sigstore-key" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand generate-sigstore-key" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand generate-sigstore-key" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand generate-sigstore-key" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -s f -l format -d 'Print by this Go template' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l manifest-digest -d 'Compute the digest of the manifest by this algorithm (default: that of the configuration\'s)' -r -f -a "sha256\t''
sha512\t''"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l jobs -d 'Look at so many images at once' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l retry-times -d 'Try so many times more when the network or the registry fails' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l retry-delay -d 'Wait so long between tries (default 1s, 2s, 4s, ...)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l creds -d 'Be this user at the registry; without :PASSWORD the password is empty' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l username -d 'Be this user at the registry' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l password -d 'The password of the user' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l registry-token -d 'Send this bearer token' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l cert-dir -d 'Read certificates from this directory: *.crt for the registry, *.cert with *.key for us' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l tls-verify -d 'Demand HTTPS with a certificate that verifies; registries.conf decides by default' -r -f -a "true\t''
false\t''"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l authfile -d 'Read credentials from this file alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l shared-blob-dir -d 'Keep the blobs of oci: layouts in this directory, shared by several layouts' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l daemon-host -d 'Where the docker daemon listens, for docker-daemon: (unix://PATH, tcp://HOST:PORT, http://HOST:PORT)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l raw -d 'Print the manifest (the configuration with --config) byte for byte'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l config -d 'Print the configuration of the image'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -s n -l no-tags -d 'Do not list the tags of the repository, which saves requests'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l long -d 'Print more than the original: sizes, annotations, variant, author'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l all-platforms -d 'Print every instance of a list'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l no-creds -d 'Be nobody, even when the credential file knows somebody'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l retry-times -d 'Try so many times more when the network or the registry fails' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l retry-delay -d 'Wait so long between tries (default 1s, 2s, 4s, ...)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l creds -d 'Be this user at the registry; without :PASSWORD the password is empty' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l username -d 'Be this user at the registry' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l password -d 'The password of the user' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l registry-token -d 'Send this bearer token' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l cert-dir -d 'Read certificates from this directory: *.crt for the registry, *.cert with *.key for us' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l tls-verify -d 'Demand HTTPS with a certificate that verifies; registries.conf decides by default' -r -f -a "true\t''
false\t''"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l authfile -d 'Read credentials from this file alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l shared-blob-dir -d 'Keep the blobs of oci: layouts in this directory, shared by several layouts' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l daemon-host -d 'Where the docker daemon listens, for docker-daemon: (unix://PATH, tcp://HOST:PORT, http://HOST:PORT)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l no-creds -d 'Be nobody, even when the credential file knows somebody'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand layers" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l artifact-type -d 'Those of this type alone' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l retry-times -d 'Try so many times more when the network or the registry fails' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l retry-delay -d 'Wait so long between tries (default 1s, 2s, 4s, ...)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l creds -d 'Be this user at the registry; without :PASSWORD the password is empty' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l username -d 'Be this user at the registry' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l password -d 'The password of the user' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l registry-token -d 'Send this bearer token' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l cert-dir -d 'Read certificates from this directory: *.crt for the registry, *.cert with *.key for us' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l tls-verify -d 'Demand HTTPS with a certificate that verifies; registries.conf decides by default' -r -f -a "true\t''
false\t''"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l authfile -d 'Read credentials from this file alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l shared-blob-dir -d 'Keep the blobs of oci: layouts in this directory, shared by several layouts' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l daemon-host -d 'Where the docker daemon listens, for docker-daemon: (unix://PATH, tcp://HOST:PORT, http://HOST:PORT)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l instance -d 'Of a list, those of the instance for this platform (see --override-arch)'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l recursive -d 'List what is about them, too'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l no-creds -d 'Be nobody, even when the credential file knows somebody'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-referrers" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l retry-times -d 'Try so many times more when the network or the registry fails' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l retry-delay -d 'Wait so long between tries (default 1s, 2s, 4s, ...)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l creds -d 'Be this user at the registry; without :PASSWORD the password is empty' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l username -d 'Be this user at the registry' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l password -d 'The password of the user' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l registry-token -d 'Send this bearer token' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l cert-dir -d 'Read certificates from this directory: *.crt for the registry, *.cert with *.key for us' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l tls-verify -d 'Demand HTTPS with a certificate that verifies; registries.conf decides by default' -r -f -a "true\t''
false\t''"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l authfile -d 'Read credentials from this file alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l lines -d 'Print one tag a line instead of JSON'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l no-creds -d 'Be nobody, even when the credential file knows somebody'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand list-tags" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -s u -l username -d 'Be this user' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -s p -l password -d 'With this password' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l authfile -d 'Keep credentials in this file' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l compat-auth-file -d 'Keep credentials in this file, in the form of docker\'s config.json' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l cert-dir -d 'Read certificates from this directory: *.crt for the registry, *.cert with *.key for us' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l tls-verify -d 'Demand HTTPS with a certificate that verifies; registries.conf decides by default' -r -f -a "true\t''
false\t''"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l password-stdin -d 'Read the password from standard input'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l get-login -d 'Print the user who is logged in, and do nothing else'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -s v -l verbose -d 'Say where the credential went'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand login" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -l authfile -d 'Keep credentials in this file' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -l compat-auth-file -d 'Keep credentials in this file, in the form of docker\'s config.json' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -l tls-verify -d 'Demand HTTPS with a certificate that verifies; registries.conf decides by default' -r -f -a "true\t''
false\t''"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -s a -l all -d 'Remove all credentials of the file'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand logout" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand manifest-digest" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand manifest-digest" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand manifest-digest" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand manifest-digest" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand manifest-digest" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand manifest-digest" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand manifest-digest" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand manifest-digest" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand manifest-digest" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand manifest-digest" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand manifest-digest" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand manifest-digest" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand manifest-digest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-sign" -s o -l output -d 'Write the signature to this file' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-sign" -l passphrase-file -d 'Read the passphrase of the key from the first line of this file' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-sign" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-sign" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-sign" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-sign" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-sign" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-sign" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-sign" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-sign" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-sign" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-sign" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-sign" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-sign" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-sign" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-verify" -l public-key-file -d 'Read public keys from this file (default: the GnuPG home)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-verify" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-verify" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-verify" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-verify" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-verify" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-verify" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-verify" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-verify" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-verify" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-verify" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-verify" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-verify" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand standalone-verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -s s -l src -d 'What SOURCE is' -r -f -a "docker\t'A registry'
dir\t'A tree of directories'
yaml\t'A file that names registries'"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -s d -l dest -d 'What DESTINATION is' -r -f -a "docker\t'A registry'
dir\t'A directory'"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l append-suffix -d 'Put this text behind the tags at the destination' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l rename -d 'Call a repository otherwise at the destination (can be repeated)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l digestfile -d 'Write a line `DIGEST NAME` for each image to this file' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l jobs -d 'Work on so many images, and copy so many layers, at once' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l progress -d 'How progress is shown on standard error' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
plain\t'One line per event'
json\t'One JSON object per event'
none\t'Nothing'"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l include -d 'Only tags that this shell pattern matches (can be repeated: one of them)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l exclude -d 'No tags that this shell pattern matches (can be repeated)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l tag-regex -d 'Only tags in which this regular expression is found' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l semver -d 'Only tags that are versions within this constraint (e.g. \'>= 3.12, < 4\')' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l newest -d 'Only so many of the newest tags' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l newest-by -d 'What newest means: the highest versions (tags that are none are left out), or the images that were made last, which have to be read' -r -f -a "version\t'The highest versions'
created\t'Made last'"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -s f -l format -d 'Write manifests in this format (default: that of the source where the destination takes it)' -r -f -a "oci\t'OCI image manifests'
v2s2\t'Docker schema 2'"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l sign-by -d 'Sign the copy with this secret key of the GnuPG home: fingerprint, id or user' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l sign-by-sq-fingerprint -d 'Sign the copy with this secret key of sq: its fingerprint' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l sign-by-sigstore-private-key -d 'Sign the copy with this private key of cosign' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l sign-by-sigstore -d 'Sign the copy as this file says (containers-sigstore-signing-params.yaml(5)): with a private key' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l sign-passphrase-file -d 'Read the passphrase of the one key from the first line of this file' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l retry-times -d 'Try so many times more when the network or the registry fails' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l retry-delay -d 'Wait so long between tries (default 1s, 2s, 4s, ...)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l authfile -d 'Read credentials of both sides from this file alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l src-creds -d 'Be this user at the registry; without :PASSWORD the password is empty' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l src-username -d 'Be this user at the registry' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l src-password -d 'The password of the user' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l src-registry-token -d 'Send this bearer token' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l src-cert-dir -d 'Read certificates from this directory: *.crt for the registry, *.cert with *.key for us' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l src-tls-verify -d 'Demand HTTPS with a certificate that verifies; registries.conf decides by default' -r -f -a "true\t''
false\t''"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l src-authfile -d 'Read credentials from this file alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l dest-creds -d 'Be this user at the registry; without :PASSWORD the password is empty' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l dest-username -d 'Be this user at the registry' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l dest-password -d 'The password of the user' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l dest-registry-token -d 'Send this bearer token' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l dest-cert-dir -d 'Read certificates from this directory: *.crt for the registry, *.cert with *.key for us' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l dest-tls-verify -d 'Demand HTTPS with a certificate that verifies; registries.conf decides by default' -r -f -a "true\t''
false\t''"
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l dest-authfile -d 'Read credentials from this file alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l scoped -d 'Keep the whole name of the source, its host included'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -s a -l all -d 'Copy every instance of lists, and the lists'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l prune -d 'Remove tags from the destination that the source no longer has'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l dry-run -d 'Copy nothing, and print what would be copied and removed'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l keep-going -d 'Go on with the other images when one fails'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l json -d 'Print one JSON object for each image'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -s q -l quiet -d 'Print nothing but errors'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l preserve-digests -d 'Fail rather than change any digest'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l referrers -d 'Copy what is about the image, too: signatures, SBOMs, attestations (see list-referrers)'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l remove-signatures -d 'Leave the signatures of the source behind; the policy sees them nevertheless'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l src-no-creds -d 'Be nobody, even when the credential file knows somebody'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l dest-no-creds -d 'Be nobody, even when the credential file knows somebody'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand sync" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand untrusted-signature-dump-without-verification" -l policy -d 'Use this trust policy' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand untrusted-signature-dump-without-verification" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand untrusted-signature-dump-without-verification" -l registries-conf -d 'Use this registries.conf, and no drop-in files' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand untrusted-signature-dump-without-verification" -l override-arch -d 'Choose images of this architecture from lists (e.g. arm64)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand untrusted-signature-dump-without-verification" -l override-os -d 'Choose images of this operating system from lists (e.g. linux)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand untrusted-signature-dump-without-verification" -l override-variant -d 'Choose images of this architecture variant from lists (e.g. v7)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand untrusted-signature-dump-without-verification" -l command-timeout -d 'End the command when it takes longer (e.g. 90s, 1h30m)' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand untrusted-signature-dump-without-verification" -l tmpdir -d 'Put large temporary files here (default /var/tmp)' -r -F
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand untrusted-signature-dump-without-verification" -l user-agent-prefix -d 'Begin the User-Agent of requests with this text' -r
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand untrusted-signature-dump-without-verification" -l debug -d 'Tell on standard error which files and settings are used'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand untrusted-signature-dump-without-verification" -l insecure-policy -d 'Accept every image, whatever the policy says'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand untrusted-signature-dump-without-verification" -l require-signed -d 'Refuse images for which the policy demands no signature'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand untrusted-signature-dump-without-verification" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "copy" -d 'Copy an image from one place to another'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "delete" -d 'Delete an image'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "experimental-image-proxy" -d 'Serve images to another process (experimental)'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "generate-sigstore-key" -d 'Make a pair of keys for sigstore signatures'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "inspect" -d 'Show what images are, without copying them'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "layers" -d 'Fetch layers of an image into a new directory (deprecated: use copy)'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "list-referrers" -d 'List signatures, SBOMs and whatever else is about an image'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "list-tags" -d 'List the tags of a repository or of a docker archive'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "login" -d 'Log in to a registry'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "logout" -d 'Log out of a registry'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "manifest-digest" -d 'Compute the digest of a manifest in a file'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "standalone-sign" -d 'Create a signature using local files'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "standalone-verify" -d 'Verify a signature using local files'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "sync" -d 'Bring many images from one place to another'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "untrusted-signature-dump-without-verification" -d 'Show what a signature claims, WITHOUT VERIFYING IT'
complete -c skopeo-rs -n "__fish_skopeo_rs_using_subcommand help; and not __fish_seen_subcommand_from copy delete experimental-image-proxy generate-sigstore-key inspect layers list-referrers list-tags login logout manifest-digest standalone-sign standalone-verify sync untrusted-signature-dump-without-verification help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
