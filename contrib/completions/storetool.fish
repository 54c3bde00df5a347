# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_storetool_global_optspecs
    string join \n root= driver= h/help V/version
end

function __fish_storetool_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_storetool_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_storetool_using_subcommand
    set -l cmd (__fish_storetool_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c storetool -n "__fish_storetool_needs_command" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_needs_command" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_needs_command" -s V -l version -d 'Print version'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "pull" -d 'Fetch an image into the store'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "import" -d 'Bring an image that is a file or a directory into the store'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "export" -d 'Write an image of the store as an OCI archive'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "images" -d 'List the images of the store'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "layers" -d 'List the layers of the store, or of one image'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "inspect" -d 'Show what the store knows of an image'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "tag" -d 'Give an image one more name'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "untag" -d 'Take names away; the images stay'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "rm" -d 'Remove images with all their names'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "mount" -d 'Mount an image or a container and print the path'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "umount" -d 'Unmount images and containers'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "mounted" -d 'List what is mounted'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "ls" -d 'List files of an image, without mounting it'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "cat" -d 'Print files of an image, without mounting it'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "extract" -d 'Write the files of an image into a new directory'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "diff" -d 'List what differs between two images, or what a container changed'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "containers" -d 'Make, list and remove containers'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "gc" -d 'Remove what no image and no container needs'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "fsck" -d 'Check every byte of the store'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "info" -d 'Show where the store is, its driver, and how much is in it'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "du" -d 'Show what each image takes on disk, and what it shares with others'
complete -c storetool -n "__fish_storetool_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l name -d 'Give the image this name instead of its own (can be repeated)' -r
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l policy -d 'Use this trust policy' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l platform -d 'Choose the image for this platform from a list (default: this machine\'s)' -r
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l progress -d 'How progress is shown on standard error' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
plain\t'One line per event'
json\t'One JSON object per event'
none\t'Nothing'"
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l creds -d 'Be this user at the registry; without :PASSWORD the password is empty' -r
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l registry-token -d 'Send this bearer token' -r
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l authfile -d 'Read credentials from this file alone' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l cert-dir -d 'Read certificates from this directory: *.crt for the registry, *.cert with *.key for us' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l tls-verify -d 'Demand HTTPS with a certificate that verifies; registries.conf decides by default' -r -f -a "true\t''
false\t''"
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l shared-blob-dir -d 'Read the blobs of an oci: layout from this directory, shared by several layouts' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l keep-blobs -d 'Keep the compressed layers too, so that the image can be exported under its digest'
complete -c storetool -n "__fish_storetool_using_subcommand pull" -s q -l quiet -d 'Print nothing but the digest, and errors'
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l json -d 'Print a summary as JSON'
complete -c storetool -n "__fish_storetool_using_subcommand pull" -l no-creds -d 'Be nobody, even when the credential file knows somebody'
complete -c storetool -n "__fish_storetool_using_subcommand pull" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand import" -l name -d 'Give the image this name instead of its own (can be repeated)' -r
complete -c storetool -n "__fish_storetool_using_subcommand import" -l policy -d 'Use this trust policy' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand import" -l registries.d -d 'Read where signatures lie from this directory alone' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand import" -l platform -d 'Choose the image for this platform from a list (default: this machine\'s)' -r
complete -c storetool -n "__fish_storetool_using_subcommand import" -l progress -d 'How progress is shown on standard error' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
plain\t'One line per event'
json\t'One JSON object per event'
none\t'Nothing'"
complete -c storetool -n "__fish_storetool_using_subcommand import" -l creds -d 'Be this user at the registry; without :PASSWORD the password is empty' -r
complete -c storetool -n "__fish_storetool_using_subcommand import" -l registry-token -d 'Send this bearer token' -r
complete -c storetool -n "__fish_storetool_using_subcommand import" -l authfile -d 'Read credentials from this file alone' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand import" -l cert-dir -d 'Read certificates from this directory: *.crt for the registry, *.cert with *.key for us' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand import" -l tls-verify -d 'Demand HTTPS with a certificate that verifies; registries.conf decides by default' -r -f -a "true\t''
false\t''"
complete -c storetool -n "__fish_storetool_using_subcommand import" -l shared-blob-dir -d 'Read the blobs of an oci: layout from this directory, shared by several layouts' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand import" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand import" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand import" -l keep-blobs -d 'Keep the compressed layers too, so that the image can be exported under its digest'
complete -c storetool -n "__fish_storetool_using_subcommand import" -s q -l quiet -d 'Print nothing but the digest, and errors'
complete -c storetool -n "__fish_storetool_using_subcommand import" -l json -d 'Print a summary as JSON'
complete -c storetool -n "__fish_storetool_using_subcommand import" -l no-creds -d 'Be nobody, even when the credential file knows somebody'
complete -c storetool -n "__fish_storetool_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand export" -s o -l output -d 'Write to this file; - is standard output' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand export" -l progress -d 'How progress is shown on standard error' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere'
plain\t'One line per event'
json\t'One JSON object per event'
none\t'Nothing'"
complete -c storetool -n "__fish_storetool_using_subcommand export" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand export" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand export" -s q -l quiet -d 'Print nothing but errors'
complete -c storetool -n "__fish_storetool_using_subcommand export" -l json -d 'Print what was written as JSON (with --output FILE)'
complete -c storetool -n "__fish_storetool_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand images" -l format -d 'Print each image by this Go template' -r
complete -c storetool -n "__fish_storetool_using_subcommand images" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand images" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand images" -s q -l quiet -d 'Print digests alone, one per image'
complete -c storetool -n "__fish_storetool_using_subcommand images" -l json -d 'Print JSON'
complete -c storetool -n "__fish_storetool_using_subcommand images" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand layers" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand layers" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand layers" -l json -d 'Print JSON'
complete -c storetool -n "__fish_storetool_using_subcommand layers" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand inspect" -l format -d 'Print by this Go template' -r
complete -c storetool -n "__fish_storetool_using_subcommand inspect" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand inspect" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand inspect" -l raw -d 'Print the manifest, byte for byte as it was received'
complete -c storetool -n "__fish_storetool_using_subcommand inspect" -l config -d 'Print the image configuration, byte for byte as it was received'
complete -c storetool -n "__fish_storetool_using_subcommand inspect" -l json -d 'Print JSON, which is the default'
complete -c storetool -n "__fish_storetool_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand tag" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand tag" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand tag" -l json -d 'Print the image as JSON'
complete -c storetool -n "__fish_storetool_using_subcommand tag" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand untag" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand untag" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand untag" -l json -d 'Print what was taken away as JSON'
complete -c storetool -n "__fish_storetool_using_subcommand untag" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand rm" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand rm" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand rm" -l json -d 'Print the removed images as JSON'
complete -c storetool -n "__fish_storetool_using_subcommand rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand mount" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand mount" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand mount" -l image -d 'Take it for an image, when a container has that name, too'
complete -c storetool -n "__fish_storetool_using_subcommand mount" -l container -d 'Take it for a container, when an image has that name, too'
complete -c storetool -n "__fish_storetool_using_subcommand mount" -l noexec -d 'Programs on it can not be run (images only)'
complete -c storetool -n "__fish_storetool_using_subcommand mount" -l json -d 'Print JSON'
complete -c storetool -n "__fish_storetool_using_subcommand mount" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand umount" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand umount" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand umount" -s a -l all -d 'Unmount everything that is mounted'
complete -c storetool -n "__fish_storetool_using_subcommand umount" -l image -d 'Take them for images, when containers have those names, too'
complete -c storetool -n "__fish_storetool_using_subcommand umount" -l container -d 'Take them for containers, when images have those names, too'
complete -c storetool -n "__fish_storetool_using_subcommand umount" -l json -d 'Print what was unmounted as JSON'
complete -c storetool -n "__fish_storetool_using_subcommand umount" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand mounted" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand mounted" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand mounted" -l json -d 'Print JSON'
complete -c storetool -n "__fish_storetool_using_subcommand mounted" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand ls" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand ls" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand ls" -s l -l long -d 'Print mode, owner, group, size and time, too'
complete -c storetool -n "__fish_storetool_using_subcommand ls" -s R -l recursive -d 'List what is in directories, too'
complete -c storetool -n "__fish_storetool_using_subcommand ls" -s d -l directory -d 'List a directory itself instead of what is in it'
complete -c storetool -n "__fish_storetool_using_subcommand ls" -l json -d 'Print JSON'
complete -c storetool -n "__fish_storetool_using_subcommand ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand cat" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand cat" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand cat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand extract" -l path -d 'Take this directory of the image and what is in it' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand extract" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand extract" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand extract" -l json -d 'Print JSON'
complete -c storetool -n "__fish_storetool_using_subcommand extract" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand diff" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand diff" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand diff" -l json -d 'Print JSON'
complete -c storetool -n "__fish_storetool_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and not __fish_seen_subcommand_from create ls rm help" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand containers; and not __fish_seen_subcommand_from create ls rm help" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand containers; and not __fish_seen_subcommand_from create ls rm help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and not __fish_seen_subcommand_from create ls rm help" -f -a "create" -d 'Make a container of an image and print its id'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and not __fish_seen_subcommand_from create ls rm help" -f -a "ls" -d 'List containers, oldest first'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and not __fish_seen_subcommand_from create ls rm help" -f -a "rm" -d 'Remove containers with what they changed'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and not __fish_seen_subcommand_from create ls rm help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from create" -l name -d 'Its name (default: the first 12 digits of its id)' -r
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from create" -l label -d 'Remember this with the container (can be repeated)' -r
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from create" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from create" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from create" -l json -d 'Print JSON'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from ls" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from ls" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print ids alone'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from ls" -l json -d 'Print JSON'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from rm" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from rm" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from rm" -l json -d 'Print the removed containers as JSON'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from help" -f -a "create" -d 'Make a container of an image and print its id'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from help" -f -a "ls" -d 'List containers, oldest first'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from help" -f -a "rm" -d 'Remove containers with what they changed'
complete -c storetool -n "__fish_storetool_using_subcommand containers; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c storetool -n "__fish_storetool_using_subcommand gc" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand gc" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand gc" -s n -l dry-run -d 'Only say what would go'
complete -c storetool -n "__fish_storetool_using_subcommand gc" -l json -d 'Print JSON'
complete -c storetool -n "__fish_storetool_using_subcommand gc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand fsck" -l threads -d 'Read with so many threads (default: one for each core)' -r
complete -c storetool -n "__fish_storetool_using_subcommand fsck" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand fsck" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand fsck" -l json -d 'Print JSON'
complete -c storetool -n "__fish_storetool_using_subcommand fsck" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand info" -l format -d 'Print by this Go template' -r
complete -c storetool -n "__fish_storetool_using_subcommand info" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand info" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand info" -l json -d 'Print JSON'
complete -c storetool -n "__fish_storetool_using_subcommand info" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand du" -l root -d 'The directory of the store (default /var/lib/storetool; ~/.local/share/storetool when not root)' -r -F
complete -c storetool -n "__fish_storetool_using_subcommand du" -l driver -d 'How root file systems are made: composefs or vfs' -r
complete -c storetool -n "__fish_storetool_using_subcommand du" -l json -d 'Print JSON'
complete -c storetool -n "__fish_storetool_using_subcommand du" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "pull" -d 'Fetch an image into the store'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "import" -d 'Bring an image that is a file or a directory into the store'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "export" -d 'Write an image of the store as an OCI archive'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "images" -d 'List the images of the store'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "layers" -d 'List the layers of the store, or of one image'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "inspect" -d 'Show what the store knows of an image'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "tag" -d 'Give an image one more name'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "untag" -d 'Take names away; the images stay'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "rm" -d 'Remove images with all their names'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "mount" -d 'Mount an image or a container and print the path'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "umount" -d 'Unmount images and containers'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "mounted" -d 'List what is mounted'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "ls" -d 'List files of an image, without mounting it'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "cat" -d 'Print files of an image, without mounting it'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "extract" -d 'Write the files of an image into a new directory'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "diff" -d 'List what differs between two images, or what a container changed'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "containers" -d 'Make, list and remove containers'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "gc" -d 'Remove what no image and no container needs'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "fsck" -d 'Check every byte of the store'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "info" -d 'Show where the store is, its driver, and how much is in it'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "du" -d 'Show what each image takes on disk, and what it shares with others'
complete -c storetool -n "__fish_storetool_using_subcommand help; and not __fish_seen_subcommand_from pull import export images layers inspect tag untag rm mount umount mounted ls cat extract diff containers gc fsck info du help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c storetool -n "__fish_storetool_using_subcommand help; and __fish_seen_subcommand_from containers" -f -a "create" -d 'Make a container of an image and print its id'
complete -c storetool -n "__fish_storetool_using_subcommand help; and __fish_seen_subcommand_from containers" -f -a "ls" -d 'List containers, oldest first'
complete -c storetool -n "__fish_storetool_using_subcommand help; and __fish_seen_subcommand_from containers" -f -a "rm" -d 'Remove containers with what they changed'
