"""Run a row again with the code that made it: clone, check out the commit, call the function.

Look at the last line: the result is the one in the database.
"""

import shutil
import subprocess
import sys

import psweep as ps

if __name__ == "__main__":
    df = ps.df_read("calc")
    row = df.iloc[0]
    shutil.rmtree("clone", ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", ".", "clone"], check=True)
    subprocess.run(["git", "checkout", "--quiet", row._git_commit], cwd="clone", check=True)

    pset = ps.df_extract_pset(df, row._pset_id)
    code = f"import runpy; print(runpy.run_path('10run.py')['fall_time']({pset!r})['seconds'])"
    again = subprocess.run(
        [sys.executable, "-c", code], cwd="clone", check=True, capture_output=True, text=True
    ).stdout
    shutil.rmtree("clone")
    print(f"{pset} at {row._git_commit[:8]}: {again.strip()}, in the database: {row.seconds}")
