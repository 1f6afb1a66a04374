"""Which file system a path lives on: SQLite's WAL needs shared memory and real locks."""

from __future__ import annotations

import re
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")

# Neither byte-range locks nor shared memory can be trusted across machines (sqlite.org/wal.html).
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre",
     "gpfs", "beegfs", "davfs", "davfs2", "ocfs2", "gfs2", "fuse.sshfs", "fuse.glusterfs",
     "fuse.ceph-fuse", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.davfs",
     "fuse.curlftpfs", "fuse.smbnetfs"}
)  # fmt: skip


def _unescape(text: str) -> str:
    """Undo the octal escapes of mountinfo (`\\040` is a blank)."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def filesystem_type(path: Path, mountinfo: Path = MOUNTINFO) -> str | None:
    """The type of the file system under `path` ("ext4", "nfs4"); None where it cannot be told.

    `path` need not exist. The last of several mounts on the same place is the one that is seen.
    """
    try:
        lines = mountinfo.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    place = path.resolve()
    best: tuple[int, str] | None = None
    for line in lines:
        left, separator, right = line.partition(" - ")
        fields = left.split(" ")
        if not separator or len(fields) < 5:
            continue
        mount = Path(_unescape(fields[4]))
        if place.is_relative_to(mount) and (best is None or len(mount.parts) >= best[0]):
            best = (len(mount.parts), right.split(" ")[0])
    return best[1] if best else None


def is_network(path: Path, mountinfo: Path = MOUNTINFO) -> bool:
    """Whether `path` lies on a file system that is shared between machines."""
    return filesystem_type(path, mountinfo) in NETWORK
