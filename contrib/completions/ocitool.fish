# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ocitool_global_optspecs
    string join \n h/help V/version
end

function __fish_ocitool_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ocitool_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ocitool_using_subcommand
    set -l cmd (__fish_ocitool_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ocitool -n "__fish_ocitool_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ocitool -n "__fish_ocitool_needs_command" -s V -l version -d 'Print version'
complete -c ocitool -n "__fish_ocitool_needs_command" -f -a "generate" -d 'Write a configuration'
complete -c ocitool -n "__fish_ocitool_needs_command" -f -a "validate" -d 'Say what is wrong with a configuration'
complete -c ocitool -n "__fish_ocitool_needs_command" -f -a "run" -d 'Run a container in the foreground'
complete -c ocitool -n "__fish_ocitool_needs_command" -f -a "create" -d 'Create a container from a bundle'
complete -c ocitool -n "__fish_ocitool_needs_command" -f -a "start" -d 'Start the program of a created container'
complete -c ocitool -n "__fish_ocitool_needs_command" -f -a "state" -d 'Print the state of a container'
complete -c ocitool -n "__fish_ocitool_needs_command" -f -a "exec" -d 'Execute a program in a running container'
complete -c ocitool -n "__fish_ocitool_needs_command" -f -a "kill" -d 'Send a signal to the first process of a container'
complete -c ocitool -n "__fish_ocitool_needs_command" -f -a "delete" -d 'Delete a container'
complete -c ocitool -n "__fish_ocitool_needs_command" -f -a "list" -d 'List the containers of a runtime'
complete -c ocitool -n "__fish_ocitool_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l image-config -d 'Configuration of the image, - for standard input' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l template -d 'Configuration to edit, instead of the defaults, - for standard input' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -s o -l output -d 'File to write [default: standard output]' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l rootfs -d 'Directory with the root file system; its users are looked up there' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l root-path -d 'Path to write as root.path without looking at it [default: rootfs]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l read-only -l readonly -d 'Make the root file system read-only' -r -f -a "true\t''
false\t''"
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l rootfs-propagation -d 'How mounts spread between host and container: private, slave, shared, with r for all below' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l args -d 'Argument, as after -- (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l entrypoint -d 'Program, instead of the image\'s Entrypoint; its Cmd is dropped, an empty text drops both' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -s e -l env -d 'Environment variable; without =VALUE that of ocitool (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l cwd -l workdir -d 'Directory to start in [default: the image\'s WorkingDir, else /]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -s u -l user -d 'User, by name or number [default: the image\'s User, else 0]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l uid -d 'User number' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l gid -d 'Group number' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l group-add -d 'Supplementary group number, besides the user\'s own (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l umask -d 'Mask of new files, octal' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -s t -l terminal -l tty -d 'Give the process a terminal' -r -f -a "true\t''
false\t''"
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l rlimit -l ulimit -d 'Limit of the process, nofile=1024:4096 for instance (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l oom-score-adj -d 'Preference of the kernel when memory runs out, -1000 (spared) to 1000' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l hostname -d 'Host name [default: container]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l network -l net -d 'Network: a new and empty one (none), the host\'s, or that of a path' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l pid -d 'Process numbers: new, the host\'s, or those of a path' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l ipc -d 'System V IPC and POSIX queues: new, the host\'s, or those of a path' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l uts -d 'Host and domain name: new, the host\'s, or those of a path' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l cgroupns -d 'View of the cgroups: new, the host\'s, or that of a path' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l userns -d 'Users: new (with --uidmap and --gidmap), the host\'s, or those of a path' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l namespace -d 'Namespace by type: pid, network, ipc, uts, mount, cgroup, user, time (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l uidmap -d 'Users inside and outside, CONTAINER:HOST:SIZE; brings a user namespace (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l uidmappings -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l gidmap -d 'Groups inside and outside, CONTAINER:HOST:SIZE; brings a user namespace (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l gidmappings -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l sysctl -d 'Kernel setting of the container\'s namespaces (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -s v -l bind -l volume -d 'Directory or file of the host; relative to where ocitool is started (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l tmpfs -d 'Directory in memory, nosuid and nodev (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l mount -d 'Mount in the words of config.json (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l mount-remove -d 'Leave out the mount with this destination (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l volumes -d 'What becomes of the image\'s volumes: a tmpfs each, gone with the container, or nothing' -r -f -a "tmpfs\t''
ignore\t''"
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l mount-cgroups -d 'The cgroup file system: read-only, writable, or not there [default: ro; rw with --privileged]' -r -f -a "ro\t''
rw\t''
no\t''"
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l cap-add -d 'Add a capability, or ALL (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l cap-drop -d 'Take a capability away, or ALL before others are added (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l cap-add-ambient -d 'Add a capability that users other than root have as well (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l no-new-privileges -d 'Make setuid programs and file capabilities ineffective' -r -f -a "true\t''
false\t''"
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l seccomp -d 'System call filter: podman\'s default, none, or a file in docker\'s format' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l mask -l masked-path -d 'Path that the container sees as empty, besides the default ones (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l readonly-path -d 'Path that the container can not write to, besides the default ones (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l apparmor -d 'AppArmor profile of the process' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l selinux-label -d 'SELinux label of the process' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l mount-label -d 'SELinux label of the mounts' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l cgroups-path -d 'Place in the tree of cgroups [default: that of the runtime]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -s m -l memory -d 'Most memory, in bytes or with k, m, g' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l pids-limit -d 'Most processes; -1 is no limit [default: 2048]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l cpus -d 'Most CPU time, 1.5 for one CPU and a half' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l cpu-shares -d 'Weight of CPU time against other containers (1024 is usual)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l cpuset-cpus -d 'CPUs to run on, 0-3,7 for instance' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l annotation -l label -d 'Annotation; wins over those from the image (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l image-labels -d 'Labels of the image that become annotations: those that describe the image (org.opencontainers.image.*), none, or all that no runtime acts on' -r -f -a "image\t''
none\t''
all\t''"
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l hook -d 'Program of the host to start at a stage of the container\'s life: prestart, createRuntime, createContainer, startContainer, poststart, poststop (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -l privileged -d 'Allow everything: all capabilities and devices, no seccomp filter, nothing hidden'
complete -c ocitool -n "__fish_ocitool_using_subcommand generate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ocitool -n "__fish_ocitool_using_subcommand validate" -l rootfs -d 'Root file system to hold the configuration against' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand validate" -l level -d 'Least severity that makes the configuration invalid' -r -f -a "may\t''
should\t''
must\t''"
complete -c ocitool -n "__fish_ocitool_using_subcommand validate" -s j -l json -d 'Print JSON'
complete -c ocitool -n "__fish_ocitool_using_subcommand validate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l config -d 'Configuration, - for standard input' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -s b -l bundle -d 'Directory with config.json, used as it is' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l image-config -d 'Configuration of the image to run, - for standard input' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l pid-file -d 'File to write the number of the container\'s first process to' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l preserve-fds -d 'Open files from 3 on that the container inherits' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l runtime -d 'OCI runtime, by name or path [default: the first of runc, crun, youki]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l root -d 'Directory of the runtime\'s state [default: that of the runtime]' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l rootfs -d 'Directory with the root file system; its users are looked up there' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l root-path -d 'Path to write as root.path without looking at it [default: rootfs]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l read-only -l readonly -d 'Make the root file system read-only' -r -f -a "true\t''
false\t''"
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l rootfs-propagation -d 'How mounts spread between host and container: private, slave, shared, with r for all below' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l args -d 'Argument, as after -- (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l entrypoint -d 'Program, instead of the image\'s Entrypoint; its Cmd is dropped, an empty text drops both' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -s e -l env -d 'Environment variable; without =VALUE that of ocitool (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l cwd -l workdir -d 'Directory to start in [default: the image\'s WorkingDir, else /]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -s u -l user -d 'User, by name or number [default: the image\'s User, else 0]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l uid -d 'User number' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l gid -d 'Group number' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l group-add -d 'Supplementary group number, besides the user\'s own (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l umask -d 'Mask of new files, octal' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -s t -l terminal -l tty -d 'Give the process a terminal' -r -f -a "true\t''
false\t''"
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l rlimit -l ulimit -d 'Limit of the process, nofile=1024:4096 for instance (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l oom-score-adj -d 'Preference of the kernel when memory runs out, -1000 (spared) to 1000' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l hostname -d 'Host name [default: container]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l network -l net -d 'Network: a new and empty one (none), the host\'s, or that of a path' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l pid -d 'Process numbers: new, the host\'s, or those of a path' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l ipc -d 'System V IPC and POSIX queues: new, the host\'s, or those of a path' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l uts -d 'Host and domain name: new, the host\'s, or those of a path' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l cgroupns -d 'View of the cgroups: new, the host\'s, or that of a path' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l userns -d 'Users: new (with --uidmap and --gidmap), the host\'s, or those of a path' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l namespace -d 'Namespace by type: pid, network, ipc, uts, mount, cgroup, user, time (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l uidmap -d 'Users inside and outside, CONTAINER:HOST:SIZE; brings a user namespace (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l uidmappings -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l gidmap -d 'Groups inside and outside, CONTAINER:HOST:SIZE; brings a user namespace (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l gidmappings -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l sysctl -d 'Kernel setting of the container\'s namespaces (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -s v -l bind -l volume -d 'Directory or file of the host; relative to where ocitool is started (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l tmpfs -d 'Directory in memory, nosuid and nodev (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l mount -d 'Mount in the words of config.json (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l mount-remove -d 'Leave out the mount with this destination (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l volumes -d 'What becomes of the image\'s volumes: a tmpfs each, gone with the container, or nothing' -r -f -a "tmpfs\t''
ignore\t''"
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l mount-cgroups -d 'The cgroup file system: read-only, writable, or not there [default: ro; rw with --privileged]' -r -f -a "ro\t''
rw\t''
no\t''"
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l cap-add -d 'Add a capability, or ALL (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l cap-drop -d 'Take a capability away, or ALL before others are added (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l cap-add-ambient -d 'Add a capability that users other than root have as well (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l no-new-privileges -d 'Make setuid programs and file capabilities ineffective' -r -f -a "true\t''
false\t''"
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l seccomp -d 'System call filter: podman\'s default, none, or a file in docker\'s format' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l mask -l masked-path -d 'Path that the container sees as empty, besides the default ones (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l readonly-path -d 'Path that the container can not write to, besides the default ones (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l apparmor -d 'AppArmor profile of the process' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l selinux-label -d 'SELinux label of the process' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l mount-label -d 'SELinux label of the mounts' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l cgroups-path -d 'Place in the tree of cgroups [default: that of the runtime]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -s m -l memory -d 'Most memory, in bytes or with k, m, g' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l pids-limit -d 'Most processes; -1 is no limit [default: 2048]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l cpus -d 'Most CPU time, 1.5 for one CPU and a half' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l cpu-shares -d 'Weight of CPU time against other containers (1024 is usual)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l cpuset-cpus -d 'CPUs to run on, 0-3,7 for instance' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l annotation -l label -d 'Annotation; wins over those from the image (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l image-labels -d 'Labels of the image that become annotations: those that describe the image (org.opencontainers.image.*), none, or all that no runtime acts on' -r -f -a "image\t''
none\t''
all\t''"
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l hook -d 'Program of the host to start at a stage of the container\'s life: prestart, createRuntime, createContainer, startContainer, poststart, poststop (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -l privileged -d 'Allow everything: all capabilities and devices, no seccomp filter, nothing hidden'
complete -c ocitool -n "__fish_ocitool_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ocitool -n "__fish_ocitool_using_subcommand create" -s b -l bundle -d 'Directory with config.json' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand create" -l console-socket -d 'Socket that is sent the terminal; needed when process.terminal is true' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand create" -l pid-file -d 'File to write the number of the container\'s first process to' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand create" -l preserve-fds -d 'Open files from 3 on that the container inherits' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand create" -l runtime -d 'OCI runtime, by name or path [default: the first of runc, crun, youki]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand create" -l root -d 'Directory of the runtime\'s state [default: that of the runtime]' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ocitool -n "__fish_ocitool_using_subcommand start" -l runtime -d 'OCI runtime, by name or path [default: the first of runc, crun, youki]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand start" -l root -d 'Directory of the runtime\'s state [default: that of the runtime]' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand start" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ocitool -n "__fish_ocitool_using_subcommand state" -l runtime -d 'OCI runtime, by name or path [default: the first of runc, crun, youki]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand state" -l root -d 'Directory of the runtime\'s state [default: that of the runtime]' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand state" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ocitool -n "__fish_ocitool_using_subcommand exec" -s u -l user -d 'User, by name or number [default: that of the container]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand exec" -l cwd -l workdir -d 'Directory to start in [default: that of the container]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand exec" -s e -l env -d 'Environment variable; without =VALUE that of ocitool (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand exec" -l cap-add -d 'Add a capability (can be repeated)' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand exec" -l console-socket -d 'Socket that is sent the terminal, with --detach and --terminal' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand exec" -l pid-file -d 'File to write the number of the process to' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand exec" -l runtime -d 'OCI runtime, by name or path [default: the first of runc, crun, youki]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand exec" -l root -d 'Directory of the runtime\'s state [default: that of the runtime]' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand exec" -s t -l terminal -l tty -d 'Give the program a terminal'
complete -c ocitool -n "__fish_ocitool_using_subcommand exec" -s d -l detach -d 'Do not wait for the end of the program'
complete -c ocitool -n "__fish_ocitool_using_subcommand exec" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ocitool -n "__fish_ocitool_using_subcommand kill" -l runtime -d 'OCI runtime, by name or path [default: the first of runc, crun, youki]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand kill" -l root -d 'Directory of the runtime\'s state [default: that of the runtime]' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand kill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ocitool -n "__fish_ocitool_using_subcommand delete" -l runtime -d 'OCI runtime, by name or path [default: the first of runc, crun, youki]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand delete" -l root -d 'Directory of the runtime\'s state [default: that of the runtime]' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand delete" -s f -l force -d 'Kill it first when it runs'
complete -c ocitool -n "__fish_ocitool_using_subcommand delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ocitool -n "__fish_ocitool_using_subcommand list" -l runtime -d 'OCI runtime, by name or path [default: the first of runc, crun, youki]' -r
complete -c ocitool -n "__fish_ocitool_using_subcommand list" -l root -d 'Directory of the runtime\'s state [default: that of the runtime]' -r -F
complete -c ocitool -n "__fish_ocitool_using_subcommand list" -s j -l json -d 'Print JSON: a list of objects with id, pid, status, bundle, created'
complete -c ocitool -n "__fish_ocitool_using_subcommand list" -s q -l quiet -d 'Print names only, one a line'
complete -c ocitool -n "__fish_ocitool_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ocitool -n "__fish_ocitool_using_subcommand help; and not __fish_seen_subcommand_from generate validate run create start state exec kill delete list help" -f -a "generate" -d 'Write a configuration'
complete -c ocitool -n "__fish_ocitool_using_subcommand help; and not __fish_seen_subcommand_from generate validate run create start state exec kill delete list help" -f -a "validate" -d 'Say what is wrong with a configuration'
complete -c ocitool -n "__fish_ocitool_using_subcommand help; and not __fish_seen_subcommand_from generate validate run create start state exec kill delete list help" -f -a "run" -d 'Run a container in the foreground'
complete -c ocitool -n "__fish_ocitool_using_subcommand help; and not __fish_seen_subcommand_from generate validate run create start state exec kill delete list help" -f -a "create" -d 'Create a container from a bundle'
complete -c ocitool -n "__fish_ocitool_using_subcommand help; and not __fish_seen_subcommand_from generate validate run create start state exec kill delete list help" -f -a "start" -d 'Start the program of a created container'
complete -c ocitool -n "__fish_ocitool_using_subcommand help; and not __fish_seen_subcommand_from generate validate run create start state exec kill delete list help" -f -a "state" -d 'Print the state of a container'
complete -c ocitool -n "__fish_ocitool_using_subcommand help; and not __fish_seen_subcommand_from generate validate run create start state exec kill delete list help" -f -a "exec" -d 'Execute a program in a running container'
complete -c ocitool -n "__fish_ocitool_using_subcommand help; and not __fish_seen_subcommand_from generate validate run create start state exec kill delete list help" -f -a "kill" -d 'Send a signal to the first process of a container'
complete -c ocitool -n "__fish_ocitool_using_subcommand help; and not __fish_seen_subcommand_from generate validate run create start state exec kill delete list help" -f -a "delete" -d 'Delete a container'
complete -c ocitool -n "__fish_ocitool_using_subcommand help; and not __fish_seen_subcommand_from generate validate run create start state exec kill delete list help" -f -a "list" -d 'List the containers of a runtime'
complete -c ocitool -n "__fish_ocitool_using_subcommand help; and not __fish_seen_subcommand_from generate validate run create start state exec kill delete list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
