"""PBS Pro and LSF as their manuals have them, in as much as psweep uses them.

One program under the names of their commands: it runs jobs at once, as processes of this machine,
and knows them by the files in FAKE_SCHEDULER. `install` puts it into a folder for PATH.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "pbs": ["qsub", "qselect", "qstat", "qdel"],
    "lsf": ["bsub", "bjobs", "bkill"],
}
HERE = Path(os.environ.get("FAKE_SCHEDULER", "."))


def install(folder: Path, name: str) -> dict[str, str]:
    """Put the commands of a scheduler into a folder; give the environment that they need."""
    folder.mkdir()
    (folder / "jobs").mkdir()
    for command in COMMANDS[name]:
        path = folder / command
        path.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} {command} "$@"\n')
        path.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return {"FAKE_SCHEDULER": str(folder / "jobs"), "PATH": path}


def jobs() -> dict[str, dict]:
    found = {}
    for path in sorted(HERE.glob("*.json")):
        job = json.loads(path.read_text())
        done = path.with_suffix(".done")
        if not done.exists() and not Path(f"/proc/{job['pid']}").exists():
            done.write_text("137")
        job["code"] = int(done.read_text()) if done.exists() else None
        job["end"] = done.stat().st_mtime if done.exists() else None
        found[path.stem] = job
    return found


def start(number: int, task: int | None, script: str, environ: dict, shell: str, name: str) -> None:
    key = str(number) if task is None else f"{number}_{task}"
    path = HERE / f"{key}.sh"
    path.write_text(script)
    # Output is spooled on the node until the job ends, as PBS does.
    command = '"$1" "$2" >"$2.out" 2>&1; echo $? >"$3.new"; mv "$3.new" "$3"'
    process = subprocess.Popen(
        ["sh", "-c", command, "sh", shell, str(path), str(HERE / f"{key}.done")],
        env={**os.environ, **environ},
        cwd=os.environ["HOME"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    job = {"pid": process.pid, "name": name, "cwd": os.getcwd(), "started": time.time()}
    (HERE / f"{key}.json").write_text(json.dumps(job))


def options(prefix: str, script: str, args: list[str]) -> tuple[dict[str, str], list[str]]:
    """Those in the script, then those of the command line."""
    words = []
    for line in script.splitlines():
        if line.startswith(prefix):
            words += shlex.split(line[len(prefix) :])
    found: dict[str, str] = {}
    rest = []
    for given in (words, args):
        todo = iter(given)
        for word in todo:
            if word.startswith("-"):
                found[word[:2]] = word[2:] or next(todo)
            elif given is args:
                rest.append(word)
    return found, rest


def next_number() -> int:
    return 1 + max((int(key.split("_")[0]) for key in jobs()), default=0)


def qsub(args: list[str]) -> None:
    _, (path,) = options("#PBS", "", args)
    script = Path(path).read_text()
    asked, _ = options("#PBS", script, args)
    name = asked.get("-N", Path(path).name)
    if not re.match(r"[A-Za-z0-9_+-]", name) or len(name) > 236:
        sys.exit("qsub: illegal -N value")
    if asked.get("-q") == "nowhere":
        sys.exit("qsub: Unknown queue")
    number = next_number()
    environ = {"PBS_O_WORKDIR": os.getcwd()}
    shell = asked.get("-S", "/bin/csh")
    if "-J" in asked:
        first, last = map(int, re.fullmatch(r"(\d+)-(\d+)(?:%\d+)?", asked["-J"]).groups())
        if last <= first:
            sys.exit("qsub: illegal -J value")
        for task in range(first, last + 1):
            more = {"PBS_JOBID": f"{number}[{task}].server", "PBS_ARRAY_INDEX": str(task)}
            start(number, task, script, environ | more, shell, name)
        print(f"{number}[].server")
    else:
        start(number, None, script, environ | {"PBS_JOBID": f"{number}.server"}, shell, name)
        print(f"{number}.server")


def pbs_id(key: str) -> str:
    number, _, task = key.partition("_")
    return f"{number}[{task}].server" if task else f"{number}.server"


def qselect(args: list[str]) -> None:
    for number in sorted({key.split("_")[0] for key, job in jobs().items() if job["code"] is None}):
        array = any(key.startswith(f"{number}_") for key in jobs())
        print(f"{number}[].server" if array else f"{number}.server")


def qstat(args: list[str]) -> None:
    names = [arg for arg in args if not arg.startswith("-")]
    missing = False
    for name in names:
        wanted = name.removesuffix(".server").replace("[]", "").replace("[", "_").replace("]", "")
        found = {
            key: job
            for key, job in jobs().items()
            if (key == wanted or ("-t" in args and key.startswith(f"{wanted}_")))
            and (job["code"] is None or "-x" in args)
        }
        if not found:
            print(f"qstat: Unknown Job Id {name}", file=sys.stderr)
            missing = True
        for key, job in found.items():
            state = "R" if job["code"] is None else "F"
            print(f"Job Id: {pbs_id(key)}\n    Job_Name = {job['name']}")
            print(f"    job_state = {state}\n    comment = Job run at some time")
            if job["code"] is not None:
                print(f"    resources_used.mem = 3300kb\n    Exit_status = {job['code']}")
                print("    resources_used.walltime = 00:00:01")
                ended = time.strftime("%a %b %d %H:%M:%S %Y", time.localtime(job["end"]))
                print(f"    obittime = {ended}")
            half = len(job["cwd"]) // 2
            print(f"    Variable_List = PBS_O_WORKDIR={job['cwd'][:half]}\n\t{job['cwd'][half:]}\n")
    sys.exit(153 if missing else 0)


def bsub(args: list[str]) -> None:
    script = sys.stdin.read()
    asked, rest = options("#BSUB", script, args)
    if rest or not script:
        sys.exit("Usage: bsub; jobs are read from stdin here")
    if asked.get("-q") == "nowhere":
        sys.exit("nowhere: No such queue. Job not submitted.")
    number = next_number()
    environ = {"LSB_JOBID": str(number), "LSB_JOBINDEX": "0", "LS_SUBCWD": os.getcwd()}
    name = asked.get("-J", "")
    array = re.search(r"\[(\d+)-(\d+)\](?:%\d+)?$", name)
    if array:
        for task in range(int(array[1]), int(array[2]) + 1):
            start(number, task, script, environ | {"LSB_JOBINDEX": str(task)}, "/bin/sh", name)
    else:
        start(number, None, script, environ, "/bin/sh", name)
    print(f"Job <{number}> is submitted to default queue <normal>.")


def bjobs(args: list[str]) -> None:
    form = args[args.index("-o") + 1]
    names = [
        arg
        for i, arg in enumerate(args)
        if not arg.startswith("-") and args[i - 1] not in ("-o", "-u")
    ]
    fields = form.replace("delimiter='|'", "").split()
    missing: set[str] = set()
    found = jobs()
    if names:
        wanted = {name.replace("[", "_").replace("]", ""): name for name in names}
        missing = wanted.keys() - found.keys()
        found = {key: job for key, job in found.items() if key in wanted}
        for key in missing:
            print(f"Job <{wanted[key]}> is not found", file=sys.stderr)
    elif "-a" not in args:
        found = {key: job for key, job in found.items() if job["code"] is None}
        if not found:
            print("No unfinished job found")
            return
    for key, job in found.items():
        number, _, task = key.partition("_")
        code = job["code"]
        ended = time.strftime("%b %d %H:%M", time.localtime(job["end"])) if job["end"] else "-"
        known = {
            "jobid": number, "jobindex": task or "0", "pend_reason": "-", "sub_cwd": job["cwd"],
            "stat": "RUN" if code is None else "DONE" if code == 0 else "EXIT",
            "command": "#!/bin/sh;", "finish_time": f"{ended} L", "run_time": "1 second(s)",
            "max_mem": "3 Mbytes", "exit_code": "-" if not code else str(code),
            "exit_reason": "TERM_OWNER: job killed by owner" if code == 143 else "-",
        }  # fmt: skip
        print("|".join(known[field] for field in fields))
    sys.exit(255 if missing else 0)


def kill(args: list[str]) -> None:
    for name in args:
        wanted = name.removesuffix(".server").replace("[", "_").replace("]", "")
        first, _, tasks = wanted.partition("_")
        low, _, high = tasks.partition("-")
        for key, job in jobs().items():
            number, _, task = key.partition("_")
            inside = not tasks or (task and int(low) <= int(task) <= int(high or low))
            if number == first and inside and job["code"] is None:
                os.killpg(job["pid"], 15)
                (HERE / f"{key}.done").write_text("143")


if __name__ == "__main__":
    command = {
        "qsub": qsub, "qselect": qselect, "qstat": qstat, "qdel": kill,
        "bsub": bsub, "bjobs": bjobs, "bkill": kill,
    }[sys.argv[1]]  # fmt: skip
    command(sys.argv[2:])
