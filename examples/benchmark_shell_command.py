"""Time a command of the shell for inputs of several sizes.

`func` starts the command as a separate program. Here these are small Python programs, so that the
example runs everywhere; put your own commands into COMMANDS. The program "nothing" shows the time
for the start alone. The table has the best of three times, in seconds. The psets run one at a
time, because two at once would disturb each other's timing.
"""

import subprocess
import sys
import time

import psweep as ps

COMMANDS = {
    "nothing": "pass",
    "sort": "import random, sys; sorted(random.random() for _ in range(int(sys.argv[1])))",
    "compress": "import os, sys, zlib; zlib.compress(os.urandom(8) * int(sys.argv[1]))",
}


def func(pset):
    command = [sys.executable, "-c", COMMANDS[pset["program"]], str(pset["size"])]
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(command, check=True)  # a command that fails ends the study
        seconds.append(time.perf_counter() - start)
    return {"seconds": min(seconds)}


if __name__ == "__main__":
    program = ps.plist("program", list(COMMANDS))
    size = ps.plist("size", [1_000, 100_000, 1_000_000])
    df = ps.run_local(func, ps.pgrid(program, size))

    # Start the script again and the table has the best of six.
    print(df.pivot_table(index="size", columns="program", values="seconds", aggfunc="min").round(3))
