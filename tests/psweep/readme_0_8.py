"""All code of the README of psweep 0.8.0, in one script."""

import os
import random
import subprocess
from itertools import product

import numpy as np

import psweep as ps
from psweep import pgrid


def section(name):
    os.makedirs(f"{home}/{name}", exist_ok=True)
    os.chdir(f"{home}/{name}")


home = os.getcwd()

# Getting started
section("getting_started")


def func(pset):
    return {"result": random.random() * pset["a"] * pset["b"]}


a = ps.plist("a", [1, 2, 3])
b = ps.plist("b", [88, 99])
params = ps.pgrid(a, b)
df = ps.run_local(func, params)
print(params)
print(list(df.columns), len(df), list(df.index))

# Concepts: func that returns an updated pset, or nothing
section("concepts")


def update(pset):
    return {"a": pset["a"], "b": pset["b"], "result": 1.234}


params = [{"a": 1, "b": 88}, {"a": 1, "b": 99}]
ps.run_local(update, params)
ps.run_local(lambda pset: {}, params, calc_dir="empty")


def pooled(pset):
    return {"result": 1.234}


ps.run_local(pooled, params, calc_dir="pooled", poolsize=2)

# Building parameter grids
section("grids")
a = ps.plist("a", [1, 2])
b = ps.plist("b", ["xx", "yy"])
c = ps.plist("c", [88, None, "Z"])
const = ps.plist("const", [1.23])
for p in (
    a,
    b,
    list(product(a, b)),
    ps.itr2params(product(a, b)),
    ps.pgrid(a, b),
    ps.pgrid([a, b]),
    ps.itr2params(zip(a, b)),
    ps.pgrid([zip(a, b)]),
    ps.itr2params(product(zip(a, b), c)),
    ps.pgrid([zip(a, b), c]),
    ps.pgrid(zip(a, b), c),
    ps.pgrid(zip(a, b), c, const),
    ps.pgrid([a]),
    pgrid([a, b]),
    pgrid([zip(a, b)]),
):
    print(p)
for wrong in (lambda: pgrid(a), lambda: pgrid(zip(a, b))):
    try:
        wrong()
        print("no error")
    except Exception:
        print("an error")
ps.run_local(lambda pset: {"result": 1}, ps.pgrid(zip(a, b), c, const))

# The database
section("database")


def func(pset):
    return {"result": pset["a"] * 2}


params = ps.plist("a", [1, 2])
other_params = ps.plist("a", [3])
df_run_0 = ps.run_local(func, params, save=False)
df_run_0_and_1 = ps.run_local(func, other_params, save=False, df=df_run_0)
print(
    list(df_run_0_and_1.columns),
    df_run_0_and_1._run_seq.tolist(),
    df_run_0_and_1._pset_seq.tolist(),
    df_run_0_and_1._pset_hash.tolist(),
    os.listdir("."),
)
ps.run_local(func, params)
ps.run_local(func, other_params)

# Repeated runs
section("repeat_same")
params = ps.plist("a", [1, 2, 3])
ps.run_local(func, params)
df = ps.run_local(func, params)
print(df._run_seq.tolist(), df._pset_seq.tolist(), df._pset_hash.tolist())

# Save data on disk
section("save_data_on_disk")


def func(pset):
    fn = os.path.join(pset["_calc_dir"], pset["_pset_id"], "output.txt")
    cmd = f"mkdir -p $(dirname {fn}); echo {pset['a']} {pset['a'] * 2} {pset['a'] * 4} > {fn}"
    subprocess.run(cmd, shell=True)
    return {"cmd": cmd}


params = ps.plist("a", [1, 2, 3, 4])
df = ps.run_local(func, params)
df = ps.df_read("calc/database.pk")
df = df[df.a > 0 & ~df.a.isna()]
arr = np.array([np.loadtxt(f"calc/{pset_id}/output.txt") for pset_id in df._pset_id.values])
df["mean"] = arr.mean(axis=1)
cols = ["a", "mean", "_pset_id"]
ps.df_print(df[cols])
ps.df_write(df, "calc/database_eval.pk")
print(
    df["mean"].tolist(),
    sorted(
        f for f in os.listdir("calc") if "." in f and not f.startswith(".") and f != "runs.jsonl"
    ),
)

# Backup, simulate
section("extend")


def func(pset):
    return {"result": pset["a"] * 2}


ps.run_local(func, ps.plist("a", [1, 2]))
df = ps.run_local(func, ps.plist("a", [3]), backup=True)
print(
    len(df),
    sum(n.startswith("calc.bak_") and n.endswith(tuple(df._run_id)) for n in os.listdir(".")),
)
df = ps.run_local(func, ps.plist("a", [4]), simulate=True)
print(
    len(df),
    sorted(n for n in os.listdir(".") if "bak" not in n),
    len(ps.df_read("calc/database.pk")),
    len(ps.df_read("calc.simulate/database.pk")),
)

# git
section("with_git")
env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
for c_ in ("git init -q", "git config user.name A", "git config user.email a@b.c"):
    subprocess.run(c_, shell=True, check=True)
open("input.py", "w").write("x")
subprocess.run("git add -A; git commit -qm input", shell=True, check=True)
df = ps.run_local(func, ps.plist("a", [1]), git=True)
print(
    subprocess.check_output("git log --format=%s", shell=True, text=True)
    .replace(df._run_id[0], "RUN")
    .splitlines()[0],
    len(df),
)

# Study column
section("study_column")
study = "scan=a:b"
ps.run_local(
    lambda p: {},
    ps.pgrid(
        ps.plist("a", [1, 2]),
        ps.plist("b", [10]),
        ps.plist("c", ["foo"]),
        ps.plist("study", [study]),
    ),
)
df = ps.run_local(
    lambda p: {},
    ps.pgrid(
        ps.plist("a", [3]), ps.plist("b", [11]), ps.plist("c", ["foo"]), ps.plist("study", ["a"])
    ),
)
df_filtered = df[(df.b == 10) & (df.c == "foo")]
conds = [df.b == 10, df.c == "foo"]
print(
    df_filtered.a.tolist(), ps.df_filter_conds(df, conds).a.tolist(), df[df.study == "a"].a.tolist()
)
cols = study.split("=")[1].split(":")
print(cols, df[cols].values.tolist())

# Batch
section("batch")
for f, t in {
    "templates/calc/run.py": "print($param_a, '$_pset_id')\n",
    "templates/machines/cluster/info.yaml": "---\nsubcmd: sbatch\n",
    "templates/machines/local/info.yaml": "---\nsubcmd: sh\n",
    "templates/machines/cluster/jobscript": (
        '#SBATCH -J foo_${_pset_seq}_${_pset_id}\necho "hostname=$$(hostname)"\npython3 run.py\n'
    ),
    "templates/machines/local/jobscript": "python3 run.py\n",
}.items():
    os.makedirs(os.path.dirname(f), exist_ok=True)
    open(f, "w").write(t)
df = ps.prep_batch(ps.plist("param_a", [1, 2]))
df = ps.prep_batch(ps.plist("param_a", [3]))
i = df._pset_id[0]
print(
    len(df),
    sorted(f for f in os.listdir(f"calc/{i}") if not f.startswith(".")),
    sorted(f for f in os.listdir("calc") if f.startswith("run_")),
    open(f"calc/{i}/run.py").read().replace(i, "ID"),
    open(f"calc/{i}/jobscript_cluster").read().replace(i, "ID").count("hostname=$(hostname)"),
)
text = open("calc/run_cluster.sh").read()
print([pset_id in text for pset_id in df._pset_id])
