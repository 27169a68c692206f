"""Pickle an enum by what it holds, where it cannot be imported, with all of its members.

cloudpickle 3.1.3 leaves out second names of a member and, since Python 3.11, flags of several bits.
Where the enum exists already, such a pickle cannot be loaded. It also leaves out the boundary of a
flag, and what ``__new__`` or ``__init__`` have set in the members.
"""

from __future__ import annotations

import enum
from typing import Any

import cloudpickle.cloudpickle

from .pickled_pandas import Call

__all__ = ["with_all_members"]

# As text, since the file must load without psweep.
_MAKE = """lambda track, bases, name, qualname, members, module, tracker, options: track(
    tracker,
    __import__("types").new_class(
        name,
        bases,
        options,
        lambda body: [
            body.__setitem__(*item)
            for item in [*members.items(), ("__module__", module), ("__qualname__", qualname)]
        ],
    ),
)"""
_SET = """lambda kind, state: [
    state[0](kind, state[1]),
    *(vars(kind.__members__[name]).update(own) for name, own in state[2].items()),
]"""


def with_all_members(obj: Any, reduced: Any) -> Any:
    """Complete what cloudpickle's ``reducer_override`` gave, if that is an enum by value."""
    if not isinstance(obj, enum.EnumMeta) or not isinstance(reduced, tuple):
        return reduced
    _, (bases, name, qualname, _, module, tracker, *_), (body, slots), *_, set_state = reduced
    found: dict[str, Any] = dict(obj.__members__)
    members = {name: member.value for name, member in found.items()}
    boundary = getattr(obj, "_boundary_", None)  # Python 3.10 has none
    options = {} if boundary is None else {"boundary": boundary}
    body = {name: value for name, value in body.items() if name not in members}
    own = {name: _own_attributes(member) for name, member in found.items()}
    track = cloudpickle.cloudpickle._lookup_class_or_track
    args = (track, bases, name, qualname, members, module, tracker, options)
    return Call(eval, _MAKE), args, (set_state, (body, slots), own), None, None, Call(eval, _SET)


def _own_attributes(member: Any) -> dict[str, Any]:
    return {
        name: value
        for name, value in getattr(member, "__dict__", {}).items()
        if not (name.startswith("_") and name.endswith("_"))
    }
