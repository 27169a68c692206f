"""A real Grid Engine for the tests, without systemd: one node, all of its state in one folder.

Its daemons must be started by root, because each job gets a group of its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import WHERE, Daemons, free_port, needs, output, short_folder

LIB = Path("/usr/lib/gridengine")
SHARE = Path("/usr/share/gridengine")

BOOTSTRAP = """\
admin_user              root
default_domain          none
ignore_fqdn             false
spooling_method         berkeleydb
spooling_lib            libspoolb
spooling_params         {folder}/db
binary_path             {lib}
qmaster_spool_dir       {folder}/qmaster
security_mode           none
listener_threads        2
worker_threads          2
scheduler_threads       1
"""

# Root may submit, no mail, load reports and accounting at once
CONFIGURATION = {
    r"^execd_spool_dir .*": "execd_spool_dir {folder}/execd",
    r"^mailer .*": "mailer /bin/true",
    r"^administrator_mail .*": "administrator_mail none",
    r"^(min_[ug]id) .*": r"\1 0",
    r"^load_report_time .*": "load_report_time 00:00:01",
    r"flush_time=00:00:15": "flush_time=00:00:01 accounting_flush_time=00:00:00",
}
SCHEDULER = {r"^schedule_interval .*": "schedule_interval 0:0:1", r"^(flush_\w*_sec) .*": r"\1 1"}

QUEUE = """\
qname all.q
hostlist localhost
seq_no 0
load_thresholds NONE
suspend_thresholds NONE
nsuspend 1
suspend_interval 00:05:00
priority 0
min_cpu_interval 00:05:00
processors UNDEFINED
qtype BATCH
rerun FALSE
slots {slots}
tmpdir /tmp
shell {shell}
shell_start_mode posix_compliant
notify 00:00:05
initial_state default
"""
NONE = (
    "ckpt_list pe_list prolog epilog starter_method suspend_method resume_method "
    "terminate_method owner_list user_lists xuser_lists subordinate_list complex_values projects "
    "xprojects calendar"
)
LIMITS = "rt cpu fsize data stack core rss vmem"
HOST = (
    "load_scaling complex_values user_lists xuser_lists projects xprojects usage_scaling "
    "report_variables"
)


class GridEngine(Daemons):
    """A Grid Engine of one node in `folder`, which must be empty, short and without spaces."""

    what = "Grid Engine"
    path = os.pathsep.join([str(LIB), WHERE])  # (On PATH are wrappers, each of 25 processes.)

    def __init__(self, folder: str | Path, *, slots: int = 4, shell: str = "/bin/csh") -> None:
        folder = Path(folder)
        self.options = {"slots": slots, "shell": shell}
        self.environ = {
            "PATH": self.path,
            "SGE_ROOT": str(folder / "root"),
            "SGE_CELL": "default",
            "SGE_QMASTER_PORT": str(free_port()),
            "SGE_EXECD_PORT": str(free_port()),
        }
        super().__init__(folder)

    def start(self) -> None:
        folder = self.folder
        root = folder / "root"
        common = root / "default" / "common"
        for path in (folder / "qmaster", folder / "execd", folder / "db", common):
            path.mkdir(parents=True)
        folder.chmod(0o755)
        arch = output(["sh", SHARE / "util/arch"], stderr=subprocess.DEVNULL).strip()
        for name in ("bin", "utilbin", "lib"):
            (root / name).mkdir()
            (root / name / arch).symlink_to(LIB)
        (root / "util").symlink_to(SHARE / "util")
        host = socket.gethostname()
        (common / "act_qmaster").write_text("localhost\n")
        (common / "host_aliases").write_text(f"localhost {host}\n")
        (common / "bootstrap").write_text(BOOTSTRAP.format(folder=folder, lib=LIB))
        text = (SHARE / "default-configuration").read_text()
        (folder / "conf").write_text(self._changed(text, CONFIGURATION))
        # where its programs look for its libraries
        self.run(
            LIB / "spoolinit", "berkeleydb", "libspoolb", folder / "db", "init", **self._with_lib
        )
        for what, where in (
            ("configuration", folder / "conf"),
            ("complexes", SHARE / "util/resources/centry"),
            ("usersets", SHARE / "util/resources/usersets"),
            ("managers", "root"),
        ):
            self.run(LIB / "spooldefaults.bin", what, where, **self._with_lib)
        self._start_keeper(f"SGE_ROOT={root}")
        not_in_background = {"SGE_ND": "true"}  # (Jobs inherit it.)
        self._start_daemon("sge_qmaster", **not_in_background)
        self._until(lambda: self._ask("qconf", "-sh").returncode == 0)
        self._configure()
        self._start_daemon("sge_execd", **not_in_background)
        # its line has a load, and no u for unknown, once the node has reported
        ready = re.compile(r"^all\.q@\S+ .* \d+\.\d+ +\S+ *$", re.MULTILINE)
        self._until(lambda: ready.search(self._ask("qstat", "-f", "-q", "all.q").stdout))

    @property
    def _with_lib(self) -> dict[str, object]:
        arch = (self.folder / "root/bin").iterdir().__next__().name
        path = f"{LIB}:{LIB.parent / arch}"
        return {
            "env": os.environ | self.environ | {"LD_LIBRARY_PATH": path},
            "stderr": subprocess.DEVNULL,
        }

    def _configure(self) -> None:
        def none(names: str) -> str:
            return "".join(f"{name} NONE\n" for name in names.split())

        limits = "".join(f"{kind}_{name} INFINITY\n" for name in LIMITS.split() for kind in "sh")
        self.run("qconf", "-as", "localhost")
        self._add("-Ae", "hostname localhost\n" + none(HOST))
        self._add("-Msconf", self._changed(self.run("qconf", "-ssconf"), SCHEDULER))
        self._add("-Aq", QUEUE.format(**self.options) + none(NONE) + limits)

    def _add(self, option: str, text: str) -> None:
        path = self.folder / "new"
        path.write_text(text)
        self.run("qconf", option, path)

    def _changed(self, text: str, changes: dict[str, str]) -> str:
        for pattern, new in changes.items():
            text = re.sub(pattern, new.format(folder=self.folder), text, flags=re.MULTILINE)
        return text

    def log(self, name: str) -> str:
        """The log of a daemon, and what sge_qmaster writes elsewhere."""
        messages = self.folder / "qmaster/messages"
        more = messages.read_text(errors="replace")[-2000:] if messages.exists() else ""
        return super().log(name) + more


@pytest.fixture(scope="session")
def grid_engine() -> Iterator[GridEngine]:
    """A Grid Engine for all tests of the session; its queue's shell is csh, as on many sites."""
    packages = "gridengine-master gridengine-exec gridengine-client csh"
    needs("Grid Engine", packages, "sge_qmaster", "sge_execd", "qsub", "qconf", "qacct", "csh")
    if os.getuid() != 0:
        pytest.skip("needs Grid Engine, which root must start")
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(GridEngine(short_folder()))
