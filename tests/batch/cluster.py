"""A real SLURM and a real sshd for the tests, without root and without systemd.

Each has all of its state in a folder of its own, so that several test sessions can run at once.
"""

import contextlib
import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

# An ordinary user often has no sbin in PATH.
WHERE = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin:/usr/sbin:/sbin"])

USER = pwd.getpwuid(os.getuid()).pw_name

# The fastest scheduler that can be had. No cgroups, no mail and no MPI, which would need a root or
# more programs. The node's cores and memory are made up (config_overrides), so that tests mean the
# same on each machine.
SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MailProg=/bin/true
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=1000
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
EnforcePartLimits=ALL
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
MaxArraySize={max_array_size}
MaxJobCount={max_job_count}
MinJobAge={min_job_age}
KillWait={kill_wait}
ReturnToService=2
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=100000
PartitionName=main Nodes=node1 Default=YES MaxTime=INFINITE State=UP
"""

# Ends all once its input ends: when it is told to, and when the tests are killed. It knows the
# daemons, the jobs and what was started over ssh by a variable such as SLURM_CONF. To cancel the
# jobs would take 5 s when one ignores SIGTERM, and miss processes whose parent has ended.
KEEPER = """\
cat
rounds=100
while [ $rounds -gt 0 ]; do
    pids=$(grep -lszxF "$2" /proc/[0-9]*/environ | cut -d / -f 3)
    [ -n "$pids" ] || break
    kill -KILL $pids
    rounds=$((rounds - 1))
    sleep 0.05
done
rm -rf "$1"
"""

SSHD_CONFIG = """\
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/client_key.pub
AuthenticationMethods publickey
StrictModes no
UsePAM no
Subsystem sftp /usr/lib/openssh/sftp-server
SetEnv {environ}
ForceCommand {folder}/session
"""

# sshd starts in the home of the password database, hence the cd. The account's own shell has read
# ~/.bashrc by then. SHLVL keeps a second bash from reading it again.
SESSION = """\
#!/bin/sh
cd || exit
SHLVL=1
export SHLVL
[ -n "$SSH_ORIGINAL_COMMAND" ] || exec {shell}
exec {shell} -c "$SSH_ORIGINAL_COMMAND"
"""

SSH_CONFIG = """\
Host cluster
    ProxyCommand {sshd} -i -f {folder}/sshd_config -E {folder}/sshd.log
    User {user}
    HostKeyAlias cluster
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
    IdentityFile {folder}/client_key
    IdentitiesOnly yes
    IdentityAgent none
    BatchMode yes
"""


class PortTakenError(Exception):
    """Someone else was faster."""


class Service(contextlib.AbstractContextManager):
    """What starts when it is made, in a folder of its own, and ends with a `with`."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return f"{name}:\n{path.read_text(errors='replace')[-2000:]}" if path.exists() else ""


class Daemons(Service):
    """Daemons that end when they are told to, and when the tests are killed."""

    what = ""  # they are, for errors
    path = WHERE  # of their programs
    environ: dict[str, str]  # of their commands

    def __init__(self, folder: str | Path) -> None:
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        self.keeper: subprocess.Popen[bytes] | None = None
        super().__init__(folder)

    def run(self, *command: str | Path, **options: object) -> str:
        """The output of a command such as squeue; an error when it fails."""
        return output(command, **{"env": os.environ | self.environ, **options})

    def stop(self) -> None:
        """Kill all jobs and daemons and remove the folder."""
        if self.keeper:
            self.keeper.communicate()
            for daemon in self.daemons.values():
                daemon.kill()
                daemon.wait()
            self.daemons.clear()
        super().stop()

    def _start_keeper(self, variable: str) -> None:
        """Start what ends all; it knows them by an environment variable, NAME=VALUE."""
        self.keeper = subprocess.Popen(
            ["/bin/sh", "-c", KEEPER, "keeper", str(self.folder), variable],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": WHERE},
            start_new_session=True,
        )

    def _make_munge_key(self) -> None:
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(1024))

    def _start_munged(self) -> None:
        # --force: also below a folder that only its owner may enter.
        names = {"key-file": "key", "socket": "socket", "pid-file": "pid", "seed-file": "seed"}
        options = [f"--{option}={self.folder}/munge.{name}" for option, name in names.items()]
        self._start_daemon("munged", "--foreground", "--force", *options)

    def _start_daemon(self, name: str, *arguments: str, **environ: str) -> None:
        # In a session of its own, so that a Ctrl-C reaches the tests alone.
        with open(self.folder / f"{name}.log", "ab") as log:
            self.daemons[name] = subprocess.Popen(
                [program(name, self.path), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": WHERE, **self.environ, **environ},
                start_new_session=True,
            )

    def _until(self, ready: Callable[[], object], seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not ready():
            dead = [name for name, daemon in self.daemons.items() if daemon.poll() is not None]
            if dead or time.monotonic() > end:
                said = "\n".join(map(self.log, dead or self.daemons))
                msg = f"{self.what} does not start. {said}"
                raise PortTakenError(msg) if "already in use" in said else RuntimeError(msg)
            time.sleep(0.05)

    def _ask(self, *command: str) -> "subprocess.CompletedProcess[str]":
        # The daemons may not answer yet, or no longer.
        environ = os.environ | self.environ
        return subprocess.run(command, env=environ, text=True, capture_output=True)


class Slurm(Daemons):
    """A SLURM of one node in `folder`, which must be empty, short and without spaces."""

    what = "SLURM"

    def __init__(self, folder: str | Path, **options: int) -> None:
        usual = {"cpus": 4, "max_array_size": 10001, "min_job_age": 60, "kill_wait": 2}
        assert usual.keys() >= options.keys(), options
        self.options = {**usual, **options}
        self.conf = Path(folder, "slurm.conf")
        self.environ = {"SLURM_CONF": str(self.conf)}
        super().__init__(folder)

    def states(self, job: str) -> list[str]:
        """The state of each known task of a job; [] when it is gone (see min_job_age)."""
        said = self._ask("squeue", "-h", "--array", "--states=all", "--format=%T", f"--jobs={job}")
        if said.returncode and "Invalid job id" not in said.stderr:
            raise RuntimeError(said.stderr)
        return said.stdout.split()

    def wait(self, job: str, seconds: float = 120) -> list[str]:
        """The states of a job when it has ended."""
        # Not by sbatch --wait, which looks ever more rarely.
        end = time.monotonic() + seconds
        ended = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL"}
        while not ended.issuperset(states := self.states(job)):
            if time.monotonic() > end:
                msg = f"job {job} is still {states}"
                raise TimeoutError(msg)
            time.sleep(0.1)
        return states

    def start(self) -> None:
        for attempt in range(10):
            try:
                return self._start()
            except PortTakenError:
                if attempt == 9:
                    raise
                self.stop()
        return None

    def _start(self) -> None:
        for name in ("", "state", "spool"):
            (self.folder / name).mkdir(exist_ok=True)
        self.folder.chmod(0o755)
        self._make_munge_key()
        text = SLURM_CONF.format(
            host=socket.gethostname().partition(".")[0],
            ports=[free_port(), free_port()],
            user=USER,
            folder=self.folder,
            max_job_count=self.options["max_array_size"] + 10000,
            **self.options,
        )
        self.conf.write_text(text)
        self._start_keeper(f"SLURM_CONF={self.conf}")
        self._start_munged()
        self._until(lambda: (self.folder / "munge.socket").exists())
        self._start_daemon("slurmctld", "-D")
        self._start_daemon("slurmd", "-D", "-N", "node1")
        self._until(lambda: self._ask("sinfo", "-h", "--format=%T").stdout == "idle\n")


class Ssh(Service):
    """An sshd in `folder` (empty, without spaces) and an `ssh` that knows it as the host `cluster`.

    There is no port and no daemon: each ssh starts an sshd for itself, as inetd would. Remote
    commands see `home` as HOME, as PATH the folders `path` before those of `base_path`, and the
    variables `environ`, but nothing of the environment of the tests.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        home: str = "home",
        path: Sequence[str | Path] = (),
        base_path: str = "/usr/local/bin:/usr/bin:/bin",
        environ: Mapping[str, str] | None = None,
        shell: str = "/bin/bash",
    ) -> None:
        self.shell = shell
        self.home = Path(folder, home)
        self.bin = Path(folder, "bin")
        remote_path = os.pathsep.join([*map(str, path), base_path])
        self.remote_environ = {**(environ or {}), "HOME": str(self.home), "PATH": remote_path}
        super().__init__(folder)

    @property
    def environ(self) -> dict[str, str]:
        """What to add to the environment, so that ssh and rsync know the host `cluster`."""
        return {"PATH": os.pathsep.join([str(self.bin), os.environ.get("PATH", os.defpath)])}

    def run(self, command: str, **options: object) -> str:
        """The output of a remote command; an error when it fails."""
        return output([self.bin / "ssh", "cluster", command], **options)

    def start(self) -> None:
        self.home.mkdir()
        self.bin.mkdir()
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)  # sshd insists on it as root
        for key in ("host_key", "client_key"):
            file = self.folder / key
            output(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", file])
        public = (self.folder / "host_key.pub").read_text()
        (self.folder / "known_hosts").write_text(f"cluster {public}")
        # One SetEnv for all of them: sshd takes the first and ignores the others.
        environ = " ".join(quoted(f"{key}={value}") for key, value in self.remote_environ.items())
        text = SSHD_CONFIG.format(folder=self.folder, environ=environ)
        (self.folder / "sshd_config").write_text(text)
        text = SSH_CONFIG.format(folder=self.folder, sshd=program("sshd"), user=USER)
        (self.folder / "ssh_config").write_text(text)
        script(self.folder / "session", SESSION.format(shell=self.shell))
        # ssh starts the ProxyCommand by SHELL. -F leaves out the configuration of the user.
        ssh = f'exec {program("ssh")} -F {self.folder}/ssh_config "$@"'
        script(self.bin / "ssh", f"#!/bin/sh\nSHELL=/bin/sh {ssh}\n")
        try:
            self.run("true", stderr=subprocess.STDOUT, timeout=120)
        except subprocess.CalledProcessError as error:
            msg = f"ssh cluster does not get in: {error.output}\n{self.log('sshd')}"
            raise RuntimeError(msg) from None


def free_port() -> int:
    # Below the ports that the kernel hands out for outgoing connections. The system's randomness,
    # as other test tools give each worker the same seed.
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("", port))
            return port


def program(name: str, path: str = WHERE) -> str:
    return shutil.which(name, path=path) or name


def output(command: Sequence[str | Path], **options: object) -> str:
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **options).stdout


def script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def quoted(text: str) -> str:
    """A word of sshd_config."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def links(folder: Path, *names: str) -> Path:
    """A new folder for PATH with some programs only, to test that another one is missing."""
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(program(name))
    return folder


def needs(what: str, packages: str, *programs: str) -> None:
    if any(shutil.which(name, path=WHERE) is None for name in programs):
        pytest.skip(f"needs {what}: apt-get install {packages}")


def short_folder() -> str:
    # Not tmp_path: the path of a unix socket has at most 107 characters.
    return tempfile.mkdtemp(prefix="sweep-", dir="/tmp")


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """A SLURM for all tests of the session."""
    needs("SLURM", "slurm-wlm munge", "munged", "slurmctld", "slurmd", "sbatch", "squeue")
    with Slurm(short_folder()) as started:
        yield started


@pytest.fixture
def make_ssh() -> Iterator[Callable[..., Ssh]]:
    """Ssh in a folder of its own, with the arguments that the test gives."""
    needs("sshd", "openssh-server rsync", "sshd", "ssh", "ssh-keygen", "rsync")
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(Ssh(short_folder(), **options))


@pytest.fixture
def ssh_cluster(make_ssh: Callable[..., Ssh], slurm: Slurm) -> Ssh:
    """The host `cluster`, where sbatch reaches the SLURM of the fixture `slurm`."""
    return make_ssh(environ=slurm.environ)
