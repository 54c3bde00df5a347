//! The members of platforms other than Linux, whose types are held; what they mean is not known.

use super::shape::{Kind, Member, NEED, OPT, TEXTS, U32, U64};
use Kind::{Bool, Int, List, Object, Text, Word};

const SHARING: Kind = Word(&["disable", "new", "inherit"]);
const SHARING_NO_DISABLE: Kind = Word(&["new", "inherit"]);
const FILE_MODE: Kind = Int(0, 0o777);
const U8: Kind = Int(0, u8::MAX as u64);

const JAIL: Kind = Object(&[
    Member("parent", OPT, Text),
    Member("host", OPT, SHARING_NO_DISABLE),
    Member("ip4", OPT, SHARING),
    Member("ip4Addr", OPT, TEXTS),
    Member("ip6", OPT, SHARING),
    Member("ip6Addr", OPT, TEXTS),
    Member("vnet", OPT, SHARING_NO_DISABLE),
    Member("interface", OPT, Text),
    Member("vnetInterfaces", OPT, TEXTS),
    Member("sysvmsg", OPT, SHARING),
    Member("sysvsem", OPT, SHARING),
    Member("sysvshm", OPT, SHARING),
    Member("enforceStatfs", OPT, U8),
    Member(
        "allow",
        OPT,
        Object(&[
            Member("setHostname", OPT, Bool),
            Member("rawSockets", OPT, Bool),
            Member("chflags", OPT, Bool),
            Member("mount", OPT, TEXTS),
            Member("quotas", OPT, Bool),
            Member("socketAf", OPT, Bool),
            Member("mlock", OPT, Bool),
            Member("reservedPorts", OPT, Bool),
            Member("suser", OPT, Bool),
        ]),
    ),
]);

/// The schema's config-freebsd.json.
pub(super) const FREEBSD: Kind = Object(&[
    Member(
        "devices",
        OPT,
        List(&Object(&[
            Member("path", OPT, Text),
            Member("mode", OPT, FILE_MODE),
        ])),
    ),
    Member("jail", OPT, JAIL),
]);

/// The schema's config-vm.json.
pub(super) const VM: Kind = Object(&[
    Member(
        "hypervisor",
        OPT,
        Object(&[Member("path", NEED, Text), Member("parameters", OPT, TEXTS)]),
    ),
    Member(
        "kernel",
        NEED,
        Object(&[
            Member("path", NEED, Text),
            Member("parameters", OPT, TEXTS),
            Member("initrd", OPT, Text),
        ]),
    ),
    Member(
        "image",
        OPT,
        Object(&[
            Member("path", NEED, Text),
            Member(
                "format",
                NEED,
                Word(&["raw", "qcow2", "vdi", "vmdk", "vhd"]),
            ),
        ]),
    ),
    Member(
        "hwConfig",
        OPT,
        Object(&[
            Member("deviceTree", OPT, Text),
            Member("vcpus", OPT, U32),
            Member("memory", OPT, U64),
            Member("dtdevs", OPT, TEXTS),
            Member(
                "iomems",
                OPT,
                List(&Object(&[
                    Member("firstGFN", OPT, U64),
                    Member("firstMFN", NEED, U64),
                    Member("nrMFNs", NEED, U64),
                ])),
            ),
            Member("irqs", OPT, List(&U32)),
        ]),
    ),
]);

/// The schema's config-zos.json.
pub(super) const ZOS: Kind = Object(&[Member(
    "namespaces",
    OPT,
    List(&Object(&[
        Member("type", NEED, Word(&["mount", "pid", "uts", "ipc"])),
        Member("path", OPT, Text),
    ])),
)]);
