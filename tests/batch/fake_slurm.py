"""A SLURM of files, which says what a test wants it to say."""

from __future__ import annotations

import time

import psweep as ps

# A scheduler as files: `queue` is what squeue prints, `ended` what sacct does, `said` what sbatch
# says. A file named like a command, with .fails, has it fail.
FAKE = r"""#!/bin/sh
me=${0##*/}
cd "$FAKE" || exit
echo "$*" >>"$me.calls"
if [ -e "$me.fails" ]; then cat "$me.fails" >&2; exit 1; fi
case $me in
sbatch | *sub)
    n=$(wc -l <"$me.calls")
    if [ -e said ]; then sed "s/N/$n/" said; exit "$(cat code 2>/dev/null || echo 0)"; fi
    echo "Submitted batch job $n"
    ;;
squeue)
    file=queue
    case " $* " in *' -M other '*) file=queue.other ;; esac
    [ ! -e "$file" ] || cat "$file"
    ;;
sacct) [ ! -e ended ] || cat ended ;;
scontrol)
    case $* in
    'show config')
        [ -e age ] || echo 2 >age
        printf 'ClusterName = test\nMinJobAge = %s sec\n' "$(cat age)"
        ;;
    *'show job')
        [ ! -e known ] || cat known
        ;;
    *'show job '*)
        file=known
        case " $* " in *' -M other '*) file=known.other ;; esac
        [ -e "$file" ] && grep "^JobId=${*##* } " "$file" ||
            { echo 'Invalid job id specified' >&2; exit 1; }
        ;;
    esac
    ;;
esac
"""


class FakeSlurm:
    """A fake SLURM, and what it knows."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        for name in ("sbatch", "squeue", "sacct", "scontrol"):
            self.add(name)

    def add(self, name):
        """Add a command; one that it does not know submits."""
        path = self.folder / name
        path.write_text(FAKE)
        path.chmod(0o755)

    def __setitem__(self, name, text):
        path = self.folder / name
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(text)

    def calls(self, name="sbatch"):
        path = self.folder / f"{name}.calls"
        return path.read_text().splitlines() if path.exists() else []


def end(n, state, ago=0.0):
    """A line of sacct."""
    return f"{n}|{state}|{time.time() - ago:.0f}|00:00:07||0:0\n{n}.batch|X|1|00:00:07|33K|0:0\n"


def prepare(
    templates, n=1, info="subcmd: sbatch", script="#!/bin/sh\necho '{\"b\": 1}' >result.json\n"
):
    templates(m=(info, script))
    return ps.prep_batch(ps.plist("a", range(n)), calc_templ_dir=None)


def states(**kwds):
    return ps.batch_status(**kwds).state.tolist()
