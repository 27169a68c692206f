"""A real slurmdbd for the tests, with a database of its own, and clusters that use it.

So sacct works as on most sites, and ``sbatch -M`` finds the other clusters.
"""

from __future__ import annotations

from pathlib import Path

from cluster import USER, Daemons, Slurm, free_port

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


class Accounting(Daemons):
    """munged, mariadbd and slurmdbd in `folder`, which must be empty, short and without spaces."""

    what = "accounting"

    def __init__(self, folder: str | Path) -> None:
        self.port = free_port()
        super().__init__(folder)

    def start(self) -> None:
        folder = self.folder
        (folder / "db").mkdir()
        folder.chmod(0o755)
        self.environ = {
            "SLURM_CONF": f"{folder}/slurm.conf",
            "MYSQL_UNIX_PORT": f"{folder}/db.socket",
        }
        self._start_keeper(f"SLURM_CONF={folder}/slurm.conf")
        self._make_munge_key()
        self._start_munged()
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

    def conf(self) -> str:
        """What the slurm.conf of a cluster says of it."""
        return SLURM_CONF.format(port=self.port, folder=self.folder)

    def add(self, name: str) -> None:
        """Add a cluster."""
        show = ("sacctmgr", "-n", "show", "cluster", "format=cluster")

        def is_there() -> bool:
            self._ask("sacctmgr", "-i", "add", "cluster", name)
            return name in self._ask(*show).stdout.split()

        self._until(is_there)  # on a busy machine, slurmdbd may fail to add one


class Cluster(Slurm):
    """A SLURM of one node with a name, among the clusters of an accounting."""

    def __init__(self, folder: str | Path, name: str, accounting: Accounting) -> None:
        self.name, self.accounting = name, accounting
        accounting.add(name)
        super().__init__(folder)

    def _start_munged(self) -> None:
        # All clusters have one key.
        (self.folder / "munge.socket").symlink_to(self.accounting.folder / "munge.socket")
        text = self.conf.read_text().replace("ClusterName=test", f"ClusterName={self.name}")
        self.conf.write_text(text + self.accounting.conf())
