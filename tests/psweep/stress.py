"""Let everything use one study at once, for a while: nox -s stress -- SECONDS [SEED].

Serial and pooled runs write rows and are killed at random moments. Meanwhile others read the study,
recover it, back it up, check it, make reports, and pull it to another folder by a real sshd. At the
end no row may be lost or doubled, and no reader may have seen one vanish.

A process notes the tag of each pset when func is called. Whoever has called func for a further
pset has written the row of the one before, so all tags of a process but its last must be in the
database.
"""

from __future__ import annotations

import collections
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import psweep as ps

HERE = Path(__file__).resolve().parent


def func(pset):
    note = Path("called", f"{os.getpid()}-{START}")
    with open(note, "a", encoding="ascii") as file:
        file.write(f"{pset['tag']}\n")
    time.sleep(pset["seconds"])
    return {"again": pset["tag"], "array": [pset["seconds"]] * 3}


START = uuid.uuid4().hex  # pids are used again


def write(poolsize, rng):
    """Run studies, one after another."""
    while True:
        tags = [uuid.uuid4().hex for _ in range(rng.randint(5, 40))]
        params = [{"tag": tag, "seconds": rng.choice([0, 0.001, 0.02])} for tag in tags]
        # Five workers in a row that are killed before they have started end a run.
        with contextlib.suppress(ps.WorkerError):
            ps.run_local(
                func, params, poolsize=poolsize, on_error="record", progress=False,
                skip_dups=rng.random() < 0.5, backup=rng.random() < 0.05,
            )  # fmt: skip


def read(folder, rng):
    """See that rows never vanish, and that none is there twice."""
    seen: set[str] = set()
    while True:
        try:
            df = ps.df_read(folder)
        except ps.StudyNotFoundError:
            if seen:
                raise
            time.sleep(0.1)  # nothing has been pulled yet
            continue
        ids = df["_pset_id"].tolist()
        if gone := seen - {*ids}:
            sys.exit(f"{len(gone)} rows have vanished from {folder}, such as {min(gone)}")
        for name in ("_pset_id", "_pset_seq"):
            if df[name].duplicated().any():
                sys.exit(f"{name} is in {folder} twice")
        seen.update(ids)
        time.sleep(rng.random() / 10)


def keep_house(rng):
    """Recover, check, report, and ask for the state, as users do."""
    while True:
        rng.choice([ps.recover, ps.check_calc_dir, ps.df_runs, ps.report])("calc")
        time.sleep(rng.random())


def pull(rng):
    """Copy the study to the laptop."""
    os.chdir("../../../laptop")
    while True:
        code = "import sys; from psweep_batch.cli import pull; sys.exit(pull())"
        command = [sys.executable, "-c", code, "cluster:study"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"psweep-pull: {done.stderr}")
        time.sleep(rng.random())


def check(folder):
    """Count what is lost or doubled."""
    df = ps.recover("calc")
    found = collections.Counter(df["tag"])
    called = [path.read_text("ascii").split() for path in Path("called").iterdir()]
    must = {tag for tags in called for tag in tags[:-1]}
    lost = must - found.keys()
    doubled = [tag for tag, n in found.items() if n > 1]
    wrong = df[~df["_failed"].astype(bool) & (df["again"] != df["tag"])]
    other = ps.df_read(Path(folder, "laptop", "calc"))
    print(
        f"{len(df)} rows of {df['_run_id'].nunique()} runs, {int(df['_failed'].sum())} failed; "
        f"{len(other)} on the laptop; {len(lost)} lost, {len(doubled)} doubled, {len(wrong)} wrong"
    )
    return len(lost) + len(doubled) + len(wrong) + len({*other["_pset_id"]} - {*df["_pset_id"]})


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**6)
    rng = random.Random(seed)
    print(f"seed {seed}")
    sys.path.insert(0, str(HERE.parent / "batch"))
    from cluster import Ssh

    with tempfile.TemporaryDirectory(prefix="psweep_stress_") as folder:
        study = Path(folder, "ssh", "home", "study")
        Path(folder, "laptop").mkdir()
        Path(folder, "ssh").mkdir()
        with Ssh(Path(folder, "ssh"), path=[Path(sys.executable).parent]) as ssh:
            (study / "called").mkdir(parents=True)
            os.environ.update(ssh.environ, HOME=folder)
            os.chdir(study)
            ps.run_local(func, [{"tag": "first", "seconds": 0}], on_error="record")
            roles = ["serial", "serial", "pooled", "pooled", "read", "read_laptop", "house", "pull"]
            killed = collections.Counter()
            end = time.monotonic() + seconds
            i = 0
            running: dict[int, tuple[str, subprocess.Popen]] = {}
            try:
                while time.monotonic() < end:
                    for number, role in enumerate(roles):
                        _, process = running.get(number, (None, None))
                        if process is None or process.poll() is not None:
                            if process is not None and process.returncode != -signal.SIGKILL:
                                sys.exit(f"{role} has ended: {process.returncode}, seed {seed}")
                            i += 1
                            command = [sys.executable, __file__, "--as", role, str(seed + i)]
                            process = subprocess.Popen(command, cwd=study, start_new_session=True)
                            running[number] = role, process
                    time.sleep(rng.random() * 1.5)
                    role, process = running[rng.choice([0, 1, 2, 3, 6])]
                    victim = rng.choice([process.pid, *3 * children_of(process.pid)])
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(victim, signal.SIGKILL)
                        killed["worker" if victim != process.pid else role] += 1
            finally:
                for _, process in running.values():
                    process.kill()
                    process.wait()
            time.sleep(2)  # for workers whose parents have gone
            print(f"killed: {dict(killed)}")
            return check(folder)


def children_of(pid):
    text = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout
    return [int(word) for word in text.split()]


ROLES = {
    "serial": lambda rng: write(None, rng),
    "pooled": lambda rng: write(2, rng),
    "read": lambda rng: read("calc", rng),
    "read_laptop": lambda rng: read("../../../laptop/calc", rng),
    "house": keep_house,
    "pull": pull,
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--as"]:
        ROLES[sys.argv[2]](random.Random(int(sys.argv[3])))
    else:
        sys.exit(main())
