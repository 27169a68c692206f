"""Whether the system ends processes of this job because it has no more memory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

__all__ = ["count_kills", "kills_in"]

# Of cgroups version 2, and of version 1: where a group is, and the file that counts
_PLACES = {
    "": ("/sys/fs/cgroup", "memory.events"),
    "memory": ("/sys/fs/cgroup/memory", "memory.oom_control"),
}


def count_kills() -> int | None:
    """Return how many processes of the job were ended for that; None if it is not known.

    From the control group of this process, as Linux describes it in ``cgroup-v2.rst``
    (``memory.events``) and ``cgroup-v1/memory.rst`` (``memory.oom_control``).
    """
    counts = [count for path in _files() if (count := kills_in(path)) is not None]
    return max(counts, default=None)


def _files() -> Iterator[str]:
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        for controller in controllers.split(","):
            if controller in _PLACES:
                root, name = _PLACES[controller]
                yield os.path.join(root, group.lstrip("/"), name)


def kills_in(path: str) -> int | None:
    """Read the count from one file; None if it cannot be read, or does not say."""
    try:
        with open(path, encoding="utf-8") as file:
            found = re.search(r"^oom_kill (\d+)$", file.read(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None
