"""Check the docstrings of all public names by numpydoc's rules: ``nox -s docs``."""

from __future__ import annotations

import importlib
import sys

from numpydoc.validate import validate

# Summaries may say all that there is to say, and the reference links what belongs together.
NOT_ASKED_FOR = {"ES01", "SA01"}


def main() -> int:
    """Print what is missing."""
    missing = []
    for module in ("psweep", "psweep_batch", "psweep_git"):
        for name in sorted(importlib.import_module(module).__all__):
            if name.startswith("__"):
                continue
            for code, text in validate(f"{module}.{name}")["errors"]:
                if code not in NOT_ASKED_FOR:
                    missing.append(f"{module}.{name}: {code} {text}")
    for line in missing:
        print(line, file=sys.stderr)
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main())
