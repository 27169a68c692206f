"""What is different from scheduler to scheduler: one table.

A new scheduler needs an entry in it, the three shell scripts below, and what it says about jobs in
`scheduler_words`. What a task reads in the environment of its job is in psweep_core:
``engines/job_signals.py``, ``running/job_environment.py`` and ``running/time_left.py``; what its
scripts read there is in ``shell/notes.sh``, ``job.sh`` and ``task_job.sh``.

Slurm and Grid Engine run for real in the tests. PBS (PBS Pro and OpenPBS) and LSF are written from
their manuals, and run against programs that do what these manuals say.

Two shell scripts for each print one line per job, with ``|`` between the words:

- ``shell/<name>_query.sh``: number, state, why it waits, and what the job can be recognised by;
- ``shell/<name>_account.sh``, with numbers as ``$@``:
  ``job``, number, state, end, elapsed, memory, exit status; UNKNOWN is what the
  scheduler itself says not to know. What cannot be asked prints nothing.

And ``shell/<name>_alive.sh`` returns whether job ``$1`` waits or runs; without an answer it may.

Numbers are ``12``, or ``12_3`` for task 3 of an array.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final, NamedTuple

__all__ = [
    "LIMITS",
    "REFUSALS",
    "SCHEDULERS",
    "SCHEDULER_OF",
    "SUBMITS",
    "Scheduler",
    "number_ranges",
    "shell_text",
]


class EarlySignal(NamedTuple):
    """A signal that a job may request, to be sent before it is killed."""

    directive: str  # requests it
    option: str  # the user's own option that replaces it (a pattern)
    signal: str  # its name, without SIG


@dataclass(frozen=True)
class Scheduler:
    """One scheduler.

    Attributes
    ----------
    submit : str
        The command that submits a script.
    by_stdin : bool
        It reads the script from stdin.
    prefix : str
        What starts a directive in a script.
    head : tuple
        Directives for each script, and the user's own options that replace each (a pattern).
    array_head : str
        Directives for the script of an array.
    array : str
        Body of a shell function: sets ps_array to the options for an array of $1 tasks, $2 of them
        at once (``-`` for no limit).
    first_task : int
        The number of the first task.
    task : str
        The number of its task, for the shell in a job.
    cancel : str
        Shell command that cancels the jobs or ranges of tasks that are its arguments.
    range : str
        How a range of tasks is written for ``cancel``: with ``{job}`` and ``{tasks}``.
    refusals : str
        Extended regular expression: output of the submit command that proves that there is no job.
    early_signal : EarlySignal or None
        None: the scheduler sends one in any case.
    name_options : str
        The options with the name of a job (patterns, with ``|`` between them).
    own_options : str
        All others that differ from pset to pset and so are left out of arrays (patterns).
    asks : dict
        The options that ask for memory and time.
    memory_unit : str
        The unit of an amount of memory that has none; a space for bytes.
    short_times : (int, tuple of int)
        In s, what a number alone stands for as a time, and the two numbers of ``1:30``.
    refused, refused_in_arrays : dict
        Options that go against what psweep does (patterns of one, or of one and its value), and
        what to do instead.
    takes_any_name : bool
        The name of a job may start with a digit.
    """

    submit: str
    prefix: str
    head: tuple[tuple[str, str], ...]
    array_head: str
    array: str
    first_task: int
    task: str
    cancel: str
    range: str
    refusals: str
    name_options: str
    own_options: str
    asks: dict[str, str]
    memory_unit: str
    short_times: tuple[int, tuple[int, int]]
    refused: dict[str, str]
    refused_in_arrays: dict[str, str] = field(default_factory=dict)
    takes_any_name: bool = True
    early_signal: EarlySignal | None = None
    by_stdin: bool = False

    def name_directive(self, name: str) -> str:
        """Return the directive that names a job; `name` is a word for the shell."""
        option = self.name_options.split("|")[-1]
        return f"{self.prefix} {option}{'=' if option.startswith('--') else ' '}{name}"

    def problem_in(self, options: Sequence[str], array: bool) -> str | None:
        """Find the first option that goes against what psweep does; None if there is none.

        Parameters
        ----------
        options : sequence of str
            The words of a directive, or of a submit command after its program.
        array : bool
            They are those of a job array.
        """
        refused = {**self.refused, **(self.refused_in_arrays if array else {})}
        for option, value in itertools.zip_longest(options, options[1:], fillvalue=""):
            for given in (option, f"{option} {value}"):
                for pattern, hint in refused.items():
                    if re.fullmatch(pattern, given):
                        return f"{given} must not be set here: {hint}"
        return None


def number_ranges(numbers: Iterable[int]) -> list[str]:
    """Write 0 1 2 5 as 0-2 and 5, as all schedulers do."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return [f"{a}" if a == b else f"{a}-{b}" for a, b in ranges]


def shell_text(name: str) -> str:
    """Read one of the files in ``shell``."""
    return (files(__package__) / "shell" / f"{name}.sh").read_text(encoding="utf-8")


_SLURM_REFUSALS = (
    "(Batch job submission failed|Unable to (create|allocate)[a-z ]*): *("
    "Invalid|Requested|Job violates|Access|Memory|More processors|Node count|User|Required|"
    "Unable to contact|Resource temporarily|Duplicate|Only|Task|Not enough|Too many|Dependency|"
    "Account|QOS|No partition|Job (credential|size|dependency)|License|This)"
    "|(unrecognized|invalid|ambiguous) option|option requires an argument|--help"
    "|error: (Invalid|invalid|Unable to open file|Script arguments|This does not look"
    "|Unable to read"
    "|bad|Bad|This doesn|Batch script|lua: |cli_filter)"
    "|fatal: (--mem|.*: line [0-9]+: )"
)

_ARRAYS = "psweep creates arrays itself: 'array: true' in info.yaml"

SCHEDULERS: Final[dict[str, Scheduler]] = {
    "slurm": Scheduler(
        submit="sbatch",
        prefix="#SBATCH",
        head=((r"-J|--job-name", "--job-name=jobscript_{machine}"),),
        array_head="#SBATCH --output=arrays_{machine}/%A_%a.out\n",
        array='ps_array=--array=0-$(($1 - 1)); [ "$2" = - ] || ps_array=$ps_array%$2',
        first_task=0,
        task='"$SLURM_ARRAY_TASK_ID"',
        cancel='scancel ${ps_cluster:+-M "$ps_cluster"} "$@"',
        range="{job}_[{tasks}]",
        refusals=_SLURM_REFUSALS,
        name_options="-J|--job-name",
        own_options="-[oe]|--output|--error|--open-mode",
        asks={"mem": "--mem={}", "time": "--time={}"},
        memory_unit="M",
        short_times=(60, (60, 1)),
        refused={
            r"-a.*|--array(=.*)?": _ARRAYS,
            r"-D.*|--chdir(=.*)?": "jobs run in the folders of their psets; "
            "write cd into the script",
        },
        refused_in_arrays={
            r"-i.*|--input(=.*)?": "all tasks would read one file; write < FILE into the script",
        },
        early_signal=EarlySignal("--signal=B:USR1@30", "--signal", "USR1"),
    ),
    "sge": Scheduler(
        submit="qsub",
        prefix="#$",
        head=(
            ("-S", "-S {shell}"),
            ("-N", "-N jobscript_{machine}"),
            ("-cwd|-wd", "-cwd"),
        ),
        array_head="#$ -S {shell}\n#$ -cwd\n#$ -j y\n#$ -o arrays_{machine}\n",
        array='ps_array="-t 1-$1"; [ "$2" = - ] || ps_array="$ps_array -tc $2"',
        first_task=1,
        task="$((SGE_TASK_ID - 1))",
        cancel=(
            "for ps_job; do\n"
            "    case $ps_job in\n"
            '    *_*) qdel "${ps_job%_*}" -t "${ps_job#*_}" ;;\n'
            '    *) qdel "$ps_job" ;;\n'
            "    esac\n"
            "done"
        ),
        range="{job}_{tasks}",
        refusals=(
            "Unable to run job: *(unknown|denied|job rejected|invalid|error: no suitable|"
            'no suitable|job is not allowed|"|Colon|the job)'
            "|job rejected|[Uu]nknown option|[Uu]nknown (queue|resource)|denied: "
            "|not a valid object"
            "|Invalid option|no write permission|got select error|can't (get configuration|open)"
            "|error opening|does not exist|ERROR! (invalid|argument|unknown|-)"
        ),
        name_options="-N",
        own_options="-[oeS]|-j|-cwd|-wd",
        asks={"mem": "-l h_vmem={}", "time": "-l h_rt={}"},
        memory_unit=" ",
        short_times=(1, (60, 1)),
        refused={r"-t": _ARRAYS},
        takes_any_name=False,
        early_signal=EarlySignal("-notify", "-notify", "USR2"),
    ),
    "pbs": Scheduler(
        submit="qsub",
        prefix="#PBS",
        # at most 15 characters, as the name may have in older ones
        head=(("-N", "-N ps_{machine:.12}"), ("-S", "-S {shell}")),
        array_head="#PBS -S {shell}\n#PBS -j oe\n",
        # an array has at least two tasks; the second has nothing to do then
        array=(
            "ps_array=$(($1 > 1 ? $1 - 1 : 1))\n"
            '    ps_array="-J 0-$ps_array"; [ "$2" = - ] || ps_array=$ps_array%$2'
        ),
        first_task=0,
        task='"${PBS_ARRAY_INDEX:-${PBS_ARRAYID:-0}}"',
        cancel=(
            "for ps_job; do\n"
            '    case $ps_job in *_*) ps_job="${ps_job%_*}[${ps_job#*_}]" ;; esac\n'
            '    qdel "$ps_job"\n'
            "done"
        ),
        range="{job}_{tasks}",
        refusals=(
            "qsub: *(Unknown queue|Illegal|illegal|Job (exceeds|violates|rejected|limit)|"
            "Unauthorized|cannot connect|Bad |Invalid|invalid|Queue is not enabled|script|"
            "would exceed|"
            "Maximum number|usage|Resource|No default queue|Access|option|unrecognized|"
            "request rejected|"
            "submit error|file must be an ascii|Not Running)"
        ),
        name_options="-N",
        own_options="-[oeSj]",
        asks={"mem": "-l mem={}b", "time": "-l walltime={}"},
        memory_unit=" ",
        short_times=(1, (60, 1)),
        refused={r"-J.*|-t[ 0-9].*": _ARRAYS},  # -t is that of Torque
        takes_any_name=False,
    ),
    "lsf": Scheduler(
        submit="bsub",
        by_stdin=True,
        prefix="#BSUB",
        head=(("-J", '-J "jobscript_{machine}"'),),
        array_head="#BSUB -o arrays_{machine}/%J_%I.out\n",
        array='ps_array="-J psweep[1-$1]"; [ "$2" = - ] || ps_array=$ps_array%$2',
        first_task=1,
        task="$((LSB_JOBINDEX - 1))",
        cancel=(
            "for ps_job; do\n"
            '    case $ps_job in *_*) ps_job="${ps_job%_*}[${ps_job#*_}]" ;; esac\n'
            '    bkill "$ps_job"\n'
            "done"
        ),
        range="{job}_{tasks}",
        refusals="(Request aborted by esub|Job not submitted)",
        name_options="-J",
        own_options="-[oe]|-oo|-eo",
        asks={"mem": "-M {}B", "time": "-W {}"},
        memory_unit=" ",
        short_times=(60, (3600, 60)),
        refused={r"-J *\S*\[.*": _ARRAYS},
    ),
}

# Commands that hand a script to a scheduler, also to one that is not in the table; and those that
# belong to only one scheduler
SUBMITS: Final = {"sbatch", "qsub", "bsub", "msub", "oarsub", "pjsub"}
SCHEDULER_OF: Final = {"sbatch": "slurm", "bsub": "lsf"}  # qsub is Grid Engine's or PBS's

# What any command may say; of a command of the user's own, all of these are looked for.
_GENERAL = (
    "(No such file or directory|command not found|: not found|Permission denied)$"
    "|queue is full|(submit|submission|job) limit (reached|exceeded)"
)
# Refusals of what may be taken later, from the manuals and sources of the four
LIMITS: Final = (
    "submit limit|SubmitJob|MaxJobs|job limit|queue is full|limit (reached|exceeded)$"
    "|temporarily|Unable to contact|timed out|try again|Too many|Connection refused"
    "|jobs? (is|are) allowed|current job count|Maximum number of jobs|would exceed"
    "|job threshold|got select error"
)
REFUSALS: Final[dict[str | None, str]] = {
    **{name: f"{_GENERAL}|{scheduler.refusals}" for name, scheduler in SCHEDULERS.items()},
    None: "|".join([_GENERAL, *(scheduler.refusals for scheduler in SCHEDULERS.values())]),
}
