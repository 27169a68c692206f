"""Capture the output of a function and of the programs that it starts.

With `capture_logs="db+file"`, the output does not appear in the terminal. It is in the column
`_logs` and in <calc_dir>/<pset_id>/logs.txt. All lines, of the function and of the program, on
stdout and on stderr, are in the order in which they were printed.
"""

import os
import subprocess
import sys

import psweep as ps

PROGRAM = """
import sys
print("the program got", sys.argv[1], flush=True)
print("a warning of the program", file=sys.stderr)
"""


def func(pset):
    print(f"integrating with {pset['n']} points")
    width = 1 / pset["n"]
    integral = sum(width * 4 / (1 + ((i + 0.5) * width) ** 2) for i in range(pset["n"]))
    subprocess.run([sys.executable, "-c", PROGRAM, str(integral)], check=True)
    print("done")
    return {"integral": integral}


if __name__ == "__main__":
    df = ps.run_local(func, ps.plist("n", [1, 10, 100]), capture_logs="db+file")
    ps.df_print(df)

    last = df.iloc[-1]
    print(f"\ncolumn _logs of n={last.n}:")
    print(last._logs)

    path = os.path.join("calc", last._pset_id, "logs.txt")
    print(f"{path} has the same text: {ps.file_read(path).split() == last._logs.split()}")
