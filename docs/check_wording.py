"""Find wording that readers have to decode: ``nox -s lint``, or python docs/check_wording.py.

It knows a few patterns, and a plain word for each. Texts should be short sentences of common words;
this finds only the worst. A line with "wording: ok" is not checked.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKED = ["*.md", "noxfile.py", "docs/*.md", "docs/*.py", "benchmarks/*", "examples/**/*"]
CHECKED += ["packages/**/*.py", "packages/**/*.md", "packages/**/*.sh", "packages/**/*.js"]
PATTERNS = {
    r"\bshall\b": "must, should",
    r"\banew\b": "again, from scratch",
    r"\bmend(s|ing)?\b": "fix",
    r"\bbeside\b": "next to",
    r"\bamiss\b": "wrong, inconsistent",
    r"\bwhichever\b": "any, no matter which",
    r"\bfor ever\b": "forever",
    r"\bbook-keeping\b": "bookkeeping",
    r"\bneeds not\b": "need not, does not need to",
    r"\btold (apart|from)\b": "distinguished, separated",
    r"\bstands? (in|at|below|above|next|last|first)\b": "is, are",
    r"\bhad back\b": "recovered",
    r"\b(is|are|was|were) through\b": "finished",
    r"\b(come|comes|came|travel) home\b|\b(at|was) home\b": "returned, received",
    r"\b(run|runs) on;|\bothers run on\b": "continue",
    r"\bcosts? (its|the|no) pset\b": "only that pset is lost",
    r"\b(row|job|line|µs|folder) a (pset|minute|second|row)\b": "per",
    r"\bup to so many\b|\bso many (times|psets|spaces|processes)\b": "this many",
    r"(?<![Tt]here )\b(is|are) no (JSON|YAML|placeholder|string|dict|database)s?\b": "is not a",
    r'"""(Give|Tell|Say) ': "Return, Report",
}


def main() -> int:
    """Print each line with a pattern and what to write instead."""
    found = 0
    files = {path for pattern in CHECKED for path in ROOT.glob(pattern) if path.is_file()}
    for path in sorted(files - {Path(__file__).resolve()}):
        if path.suffix not in (".md", ".py", ".sh", ".yaml", ".js") or "build" in path.parts:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for pattern, better in PATTERNS.items():
                if (match := re.search(pattern, line)) and "wording: ok" not in line:
                    place = f"{path.relative_to(ROOT)}:{number}"
                    print(f"{place}: {match[0]!r}; write: {better}", file=sys.stderr)
                    found += 1
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
