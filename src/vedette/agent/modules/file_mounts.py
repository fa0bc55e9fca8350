"""Which folders are not this host's own disk: those are not walked unless a search begins in them."""

_MADE_UP = frozenset(
    [
        "autofs",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "efivarfs",
        "fusectl",
        "hugetlbfs",
        "mqueue",
        "nsfs",
        "proc",
        "pstore",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "sysfs",
        "tracefs",
    ]
)
_REMOTE = frozenset(
    [
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "smb3",
        "smbfs",
        "virtiofs",
    ]
)


def elsewhere(mountinfo: str) -> dict[bytes, bool]:
    """Return mount point → whether it is another machine's, of what is no disk of this host's."""
    found = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) > 4 and kinds:  # the fifth is the mount point
            remote = is_remote(kinds[0])
            if remote or is_made_up(kinds[0]):
                found[_unescape(fields[4])] = remote
    return found


def is_remote(kind: str) -> bool:
    """Return whether a file system of this kind is served by another machine, or may be."""
    return kind in _REMOTE or kind.partition(".")[0] == "fuse"


def is_made_up(kind: str) -> bool:
    """Return whether a file system of this kind is no disk but the kernel's own telling."""
    return kind in _MADE_UP


def of_this_host() -> dict[bytes, bool]:
    """Return what `elsewhere` says of this process's mounts; nothing where that cannot be read."""
    try:
        with open("/proc/self/mountinfo", "rb") as told:  # noqa: PTH123 - pathlib costs every run
            return elsewhere(told.read().decode("utf-8", "surrogateescape"))
    except OSError:
        return {}


def _unescape(field: str) -> bytes:
    for code, char in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        field = field.replace(code, char)
    return field.encode("utf-8", "surrogateescape")
