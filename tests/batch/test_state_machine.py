"""Random schedules against a scheduler that is slow and gives wrong answers.

Psets are prepared, submitted, cancelled, pulled, submitted again and collected in any order, on two
machines, while jobs start, end, are killed and start again. No pset may run twice at a time, or
again after it has finished, and in the end every finished result is in the database.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import psweep as ps
from psweep_batch.cli import pull

COMMAND = r"""#!/bin/sh
me=${0##*/}
[ ! -e "$FAKE/$me.fails" ] || { echo "$me: error: it does not answer" >&2; exit 1; }
case $me in
date) cat "$FAKE/clock" ;;
sbatch)
    mode=$(cat "$FAKE/mode")
    [ "$mode" != refuse ] || {
        echo "sbatch: error: Batch job submission failed: Invalid account" >&2; exit 1; }
    n=$(($(ls "$FAKE/jobs" | wc -l) + 1))
    for script; do :; done
    mkdir "$FAKE/new.$$"
    cp "$script" "$FAKE/new.$$/script"
    printf '%s\n%s\n' "$PWD" "$script" >"$FAKE/new.$$/where"
    mv "$FAKE/new.$$" "$FAKE/jobs/$n" # accepted
    [ "$mode" != unclear ] || {
        echo "sbatch: error: Batch job submission failed: Zero Bytes were received" >&2; exit 1; }
    echo "Submitted batch job $n"
    ;;
squeue) cat "$FAKE/queue" ;;
sacct) cat "$FAKE/ended" ;;
scancel) printf '%s\n' "$@" >>"$FAKE/cancelled" ;;
scontrol)
    case $* in
    'show config') printf 'ClusterName = test\nMinJobAge = 2 sec\n' ;;
    *) grep "^JobId=${*##* } " "$FAKE/known" || { echo 'Invalid job id specified' >&2; exit 1; } ;;
    esac
    ;;
ssh)
    case $* in *-G* | *-N*) exit 0 ;; esac
    while [ "$1" != cluster ]; do shift; done
    shift
    cd "$FAKE/home" && exec env HOME="$FAKE/home" sh -c "$*"
    ;;
rsync)
    [ -e "$FAKE/breaks" ] || exec REAL "$@"
    REAL --exclude='.job_*' "$@"
    case $* in *database*/psweep_*) exit 0 ;; esac
    exit 12
    ;;
esac
"""
# It runs until it is told to end, and notes each time.
JOBSCRIPT = """#!/bin/sh
echo begin >>runs
trap 'echo "{\\"b\\": 1}" >result.json; echo saved >>runs; exit 0' USR1
trap 'echo end >>runs; exit 3' USR2
${_trap}
while :; do sleep 1 & wait $$!; done
"""
TRAP = 'trap \'echo "{\\"b\\": 2}" >result.json; echo saved >>runs; exit 0\' TERM'


class Cluster(RuleBasedStateMachine):
    """What may happen."""

    def __init__(self):
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.top = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="machine_")))
        self.patch = self.stack.enter_context(pytest.MonkeyPatch.context())
        fake = self.fake = self.top / "fake"
        for folder in ("jobs", "home/study", "bin"):
            (fake / folder).mkdir(parents=True)
        text = COMMAND.replace("REAL", shutil.which("rsync"))
        for name in ("date", "sbatch", "squeue", "sacct", "scontrol", "scancel", "ssh", "rsync"):
            (fake / "bin" / name).write_text(text)
            (fake / "bin" / name).chmod(0o755)
        laptop = self.top / "laptop" / "study"
        laptop.mkdir(parents=True)
        self.patch.setenv("FAKE", str(fake))
        self.patch.setenv("PATH", f"{fake}/bin:{os.environ['PATH']}")
        self.patch.setenv("HOME", str(self.top / "laptop"))
        self.laptop = laptop
        self.study = fake / "home/study"
        self.patch.chdir(self.study)
        for name in ("cluster", "other"):
            folder = self.study / "templates/machines" / name
            folder.mkdir(parents=True)
            (folder / "info.yaml").write_text("scheduler: slurm")
            (folder / "jobscript").write_text(JOBSCRIPT)
        self.clock = time.time()
        self.jobs = {}  # number: [state, process, when it ended]
        self.history = []  # (when, what squeue would have said)
        self.answers = "truth"
        self.prepared = 0
        (fake / "mode").write_text("accept")
        self.publish()

    def publish(self):
        """Write what the commands say now."""
        self.clock += 1
        (self.fake / "clock").write_text(f"{self.clock:.3f}\n")
        for path in (self.fake / "jobs").iterdir():
            self.jobs.setdefault(int(path.name), ["PENDING", None, None])
        for path in self.study.glob("calc/*/.submitted_*"):
            if path.stat().st_mtime > self.clock or path not in self.seen:
                os.utime(path, (self.clock, self.clock))
                self.seen.add(path)
        queue = ended = known = ""
        for n, (state, _, when) in self.jobs.items():
            where, script = (self.fake / f"jobs/{n}/where").read_text().splitlines()
            if state in ("PENDING", "RUNNING"):
                queue += f"{n}|{state}|None|{where}/{script}|{where}\n"
            elif self.clock - when > 30:  # it lags
                ended += f"{n}|{state}|{when}|00:00:01||0:0\n"
            end = when if when else "Unknown"
            known += f"JobId={n} JobState={state} ExitCode=0:0 RunTime=1 EndTime={end}\n"
        self.history.append((self.clock, queue))
        if self.answers == "stale":
            queue = next(text for when, text in self.history if when >= self.clock - 60)
        elif self.answers == "empty":
            queue = ""
        for name in ("squeue", "sacct", "scontrol"):
            path = self.fake / f"{name}.fails"
            path.unlink(missing_ok=True)
            if name in self.answers:
                path.touch()
        for name, text in (("queue", queue), ("ended", ended), ("known", known)):
            (self.fake / name).write_text(text)

    seen: set = set()

    @rule(n=st.integers(1, 2), trap=st.booleans(), one=st.booleans())
    def prep(self, n, trap, one):
        if self.prepared < 5:
            self.prepared += n
            params = [{"a": i, "_trap": TRAP if trap else ""} for i in range(n)]
            machines = ["cluster"] if one else None
            ps.prep_batch(params, calc_templ_dir=None, machines=machines)
            self.publish()

    @rule(
        machine=st.sampled_from(["cluster", "other"]),
        name=st.sampled_from(["run", "resubmit"]),
        mode=st.sampled_from(["accept", "accept", "refuse", "unclear"]),
        killed=st.sampled_from([None, None, 0.03, 0.06]),
    )
    def submit(self, machine, name, mode, killed):
        script = Path(f"calc/{name}_{machine}.sh")
        if not script.exists():
            return
        (self.fake / "mode").write_text(mode)
        process = subprocess.Popen(
            ["sh", str(script)], stdout=-3, stderr=-3, start_new_session=True
        )
        try:
            process.wait(killed)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.publish()

    def pick(self, state, choice):
        found = [n for n, job in self.jobs.items() if job[0] == state]
        return found[choice % len(found)] if found else None

    @rule(choice=st.integers(0, 9))
    def a_job_starts(self, choice):
        n = self.pick("PENDING", choice)
        if n is None:
            return
        folder = self.fake / f"jobs/{n}"
        where = (folder / "where").read_text().splitlines()[0]
        runs = Path(where, "runs")
        before = runs.stat().st_size if runs.exists() else 0
        process = subprocess.Popen(
            ["sh", str(folder / "script")], cwd=where, stdout=-3, stderr=-3,
            start_new_session=True, env={**os.environ, "SLURM_JOB_ID": str(n)},
        )  # fmt: skip
        self.jobs[n][:2] = "RUNNING", process
        while process.poll() is None and not (runs.exists() and runs.stat().st_size > before):
            time.sleep(0.01)
        time.sleep(0.03)  # its traps are set
        if process.poll() is not None:
            self.jobs[n] = ["COMPLETED", None, self.clock]
        self.publish()

    @rule(
        choice=st.integers(0, 9),
        how=st.sampled_from(["finish", "finish", "fail", "cancel", "kill", "requeue"]),
    )
    def a_job_ends(self, choice, how):
        n = self.pick("RUNNING", choice)
        if n is None:
            return
        process = self.jobs[n][1]
        signals = {"finish": signal.SIGUSR1, "fail": signal.SIGUSR2, "kill": signal.SIGKILL}
        states = {"finish": "COMPLETED", "fail": "FAILED", "kill": "NODE_FAIL"}
        self.end(n, process, signals.get(how, signal.SIGTERM), states.get(how, "CANCELLED"))
        if how == "requeue":
            self.jobs[n] = ["PENDING", None, None]
        self.publish()

    def end(self, n, process, sig, state):
        """Send a signal to a job, to the shell alone if it is one that jobs may ask for."""
        if sig in (signal.SIGUSR1, signal.SIGUSR2):
            process.send_signal(sig)
        else:
            os.killpg(process.pid, sig)
        process.wait(30)
        runs = Path((self.fake / f"jobs/{n}/where").read_text().splitlines()[0], "runs")
        if runs.read_text().split()[-1] == "begin":
            with open(runs, "a") as file:
                file.write("end\n")
        self.jobs[n] = [state, None, self.clock]

    @rule(
        answers=st.sampled_from(
            [
                "truth",
                "stale",
                "empty",
                "squeue",
                "sacct",
                "scontrol",
                "empty sacct",
                "sacct scontrol",
            ]
        )
    )
    def the_scheduler_changes_its_mind(self, answers):
        self.answers = answers
        self.publish()

    @rule(seconds=st.sampled_from([20, 70, 130, 400]))
    def time_passes(self, seconds):
        self.clock += seconds
        self.publish()

    @rule()
    def look(self):
        if Path("calc").exists():
            ps.batch_status()

    @rule()
    def resubmit(self):
        if Path("calc").exists():
            ps.batch_resubmit()

    @rule(machine=st.sampled_from([None, "cluster"]))
    def collect(self, machine):
        if Path("calc/run_cluster.sh").exists():
            ps.batch_collect(machine=machine)

    @rule(queued=st.booleans())
    def cancel(self, queued):
        if not Path("calc").exists() or "squeue" in self.answers:
            return
        ps.batch_cancel(queued=queued)
        path = self.fake / "cancelled"
        for n in map(int, path.read_text().split() if path.exists() else ()):
            state, process, _ = self.jobs[n]
            if state == "RUNNING":
                self.end(n, process, signal.SIGTERM, "CANCELLED")
            elif state == "PENDING":
                self.jobs[n] = ["CANCELLED", None, self.clock]
        path.unlink(missing_ok=True)
        self.publish()

    @rule(breaks=st.booleans())
    def pull_and_resubmit(self, breaks):
        if not Path("calc").exists():
            return
        (self.fake / "breaks").unlink(missing_ok=True)
        if breaks:
            (self.fake / "breaks").touch()
        with self.patch.context() as patch:
            patch.chdir(self.laptop)
            pull(["cluster"])
            if Path("calc/database.pk").exists():
                ps.batch_resubmit()
                for path in Path("calc").glob("resubmit_*.sh"):  # as psweep-push does
                    shutil.copy(path, self.study / "calc")

    @invariant()
    def nothing_runs_twice(self):
        for path in self.study.glob("calc/*/runs"):
            running = False
            for line in path.read_text().split():
                if line == "begin":
                    assert not running, f"{path}: two at a time"
                    running = True
                elif line == "end":
                    running = False
                elif line == "saved":
                    assert running
                    running = "saved"
            words = path.read_text().split()
            assert "saved" not in words or words[-1] == "saved", f"{path}: again: {words}"

    def teardown(self):
        try:
            self.answers = "truth"
            self.clock += 500
            self.publish()
            if Path("calc/run_cluster.sh").exists():
                for _ in range(2):  # what is unknown to all needs a second look
                    ps.batch_status()
                    self.clock += 500
                    self.publish()
                df = ps.batch_collect()
                waiting = ps.batch_status().set_index("_pset_id").state
                for i, pset_id in enumerate(df._pset_id):
                    runs = Path("calc", pset_id, "runs")
                    if runs.exists() and "saved" in runs.read_text():
                        assert df.b.notna()[i], waiting[pset_id]
        finally:
            for _, process, _ in self.jobs.values():
                if process is not None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            self.stack.close()


@pytest.mark.slow
def test_no_schedule_runs_a_pset_twice_or_loses_a_result(capfd):
    """200 schedules, or as many as PSWEEP_SCHEDULES says."""
    if not shutil.which("rsync"):
        pytest.skip("needs rsync: apt-get install rsync")
    from hypothesis.stateful import run_state_machine_as_test

    n = int(os.environ.get("PSWEEP_SCHEDULES", "200"))
    run_state_machine_as_test(
        Cluster,
        settings=settings(
            max_examples=n,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
