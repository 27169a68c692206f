"""A real slurmdbd for the tests, with a database of its own, and clusters that use it.

So sacct works as on most sites, and ``sbatch -M`` finds the other clusters.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from cluster import KEEPER, USER, WHERE, Service, Slurm, free_port, output, program

PACKAGES = "slurm-wlm munge slurmdbd mariadb-server-core"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "slurmdbd", "sacctmgr", "mariadbd")

SLURMDBD_CONF = """\
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser={user}
"""
# of a cluster that uses it
SLURM_CONF = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={folder}/munge.socket
"""


class Accounting(Service):
    """munged, mariadbd and slurmdbd in `folder`, which must be empty, short and without spaces."""

    def __init__(self, folder: str | Path) -> None:
        self.port = free_port()
        self.daemons: list[subprocess.Popen[bytes]] = []
        self.keeper: subprocess.Popen[bytes] | None = None
        super().__init__(folder)

    def start(self) -> None:
        folder = self.folder
        (folder / "db").mkdir()
        folder.chmod(0o755)
        self.environ = {
            "SLURM_CONF": f"{folder}/slurm.conf",
            "MYSQL_UNIX_PORT": f"{folder}/db.socket",
        }
        self.keeper = subprocess.Popen(
            ["/bin/sh", "-c", KEEPER, "keeper", folder, f"SLURM_CONF={folder}/slurm.conf"],
            stdin=subprocess.PIPE,
            cwd="/",
            env={"PATH": WHERE},
            start_new_session=True,
        )
        key = folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(1024))
        names = {"key-file": "key", "socket": "socket", "pid-file": "pid", "seed-file": "seed"}
        options = [f"--{option}={folder}/munge.{name}" for option, name in names.items()]
        self._start_daemon("munged", "--foreground", "--force", *options)
        # On its socket only, so that it needs no users and no passwords.
        options = [f"--user={USER}", f"--datadir={folder}/db", f"--socket={folder}/db.socket"]
        options += ["--skip-networking", "--skip-grant-tables", "--innodb-lock-wait-timeout=900"]
        self._start_daemon("mariadbd", "--no-defaults", *options)
        self._until(lambda: "ready for connections" in self.log("mariadbd"))
        conf = folder / "slurmdbd.conf"
        conf.touch(0o600)
        conf.write_text(SLURMDBD_CONF.format(port=self.port, user=USER, folder=folder))
        # (sacctmgr, which asks slurmdbd alone, reads this one.)
        text = f"ClusterName=none\nSlurmctldHost=none\nAuthType=auth/munge\n{self.conf()}"
        text += f"AuthInfo=socket={folder}/munge.socket\n"
        (folder / "slurm.conf").write_text(text)
        self._start_daemon("slurmdbd", "-D")
        self._until(lambda: self._ask("sacctmgr", "-i", "show", "cluster").returncode == 0)

    def stop(self) -> None:
        if self.keeper:
            self.keeper.communicate()
            for daemon in self.daemons:
                daemon.kill()
                daemon.wait()
            self.daemons.clear()
        super().stop()

    def conf(self) -> str:
        """What the slurm.conf of a cluster says of it."""
        return SLURM_CONF.format(port=self.port, folder=self.folder)

    def add(self, name: str) -> None:
        """Add a cluster."""
        output(["sacctmgr", "-i", "add", "cluster", name], env=os.environ | self.environ)

    def _ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        environ = os.environ | self.environ
        return subprocess.run(command, env=environ, text=True, capture_output=True, check=False)

    def _start_daemon(self, name: str, *arguments: str) -> None:
        with open(self.folder / f"{name}.log", "ab") as log:
            self.daemons.append(
                subprocess.Popen(
                    [program(name), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env={"PATH": WHERE, **self.environ},
                    start_new_session=True,
                )
            )

    def _until(self, ready: object, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                names = ("munged", "mariadbd", "slurmdbd")
                msg = "accounting does not start. " + "\n".join(map(self.log, names))
                raise RuntimeError(msg)
            time.sleep(0.05)


class Cluster(Slurm):
    """A SLURM of one node with a name, among the clusters of an accounting."""

    def __init__(self, folder: str | Path, name: str, accounting: Accounting) -> None:
        self.name, self.accounting = name, accounting
        accounting.add(name)
        super().__init__(folder)

    def _start_daemon(self, name: str, *arguments: str) -> None:
        if name != "munged":
            super()._start_daemon(name, *arguments)
            return
        # All clusters have one key.
        (self.folder / "munge.socket").symlink_to(self.accounting.folder / "munge.socket")
        text = self.conf.read_text().replace("ClusterName=test", f"ClusterName={self.name}")
        self.conf.write_text(text + self.accounting.conf())
