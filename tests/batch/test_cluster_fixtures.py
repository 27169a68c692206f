"""The SLURM and the sshd of the other tests."""

import os
import subprocess
import sys

import cluster
import pytest
from cluster import Slurm, links, short_folder


def submit(slurm, folder, command, *options, **more):
    options = ["--parsable", f"--output={folder}/%a.out", *options, f"--wrap={command}"]
    return slurm.run("sbatch", *options, cwd=folder, **more).strip()


def test_a_job_runs(slurm, tmp_path):
    job = submit(slurm, tmp_path, "echo out; echo err >&2", f"--output={tmp_path}/out")
    assert slurm.wait(job) == ["COMPLETED"]
    assert (tmp_path / "out").read_text() == "out\nerr\n"


def test_a_job_that_fails(slurm, tmp_path):
    job = submit(slurm, tmp_path, "exit 3")
    assert slurm.wait(job) == ["FAILED"]
    assert "ExitCode=3:0" in slurm.run("scontrol", "show", "job", job)


def test_an_unknown_job(slurm):
    assert slurm.states("999999") == []


def test_an_array_runs(slurm, tmp_path):
    job = submit(slurm, tmp_path, "echo $SLURM_ARRAY_TASK_ID", "--array=0-19%5")
    assert slurm.wait(job) == ["COMPLETED"] * 20
    said = [(tmp_path / f"{task}.out").read_text() for task in range(20)]
    assert said == [f"{task}\n" for task in range(20)]


def test_a_job_that_takes_too_much_memory_is_killed(slurm, tmp_path):
    program = "import time; taken = bytearray(300 << 20); time.sleep(60); print('lives')"
    command = f'echo begins; "{sys.executable}" -c "{program}"; echo ends'
    job = submit(slurm, tmp_path, command, "--mem=100", f"--output={tmp_path}/out")
    # Without cgroups, slurmd looks every second and kills all of the job, its shell too. The state
    # is FAILED with the reason JobLaunchFailure and the exit code 0:9, not OUT_OF_MEMORY. The
    # output file has what the job wrote, and then (some of these lines twice):
    #   slurmstepd-node1: error: StepId=1.batch exceeded memory limit (207 > 104), being killed
    #   slurmstepd-node1: error: Exceeded job memory limit
    #   slurmstepd-node1: error: *** JOB 1 ON node1 CANCELLED AT 2026-01-31T12:00:00 ***
    assert slurm.wait(job) == ["FAILED"]
    said = (tmp_path / "out").read_text()
    assert said.startswith("begins\n")
    assert "exceeded memory limit" in said
    assert "lives" not in said
    assert "ends" not in said
    assert "ExitCode=0:9" in slurm.run("scontrol", "show", "job", job)


def test_a_cancelled_job(slurm, tmp_path):
    # (The signal may reach sleep before it reaches the shell, which then goes on for a moment.)
    script = "echo begins; sleep 60 && echo ends"
    job = submit(slurm, tmp_path, script, f"--output={tmp_path}/out")
    while not (tmp_path / "out").exists() or not (tmp_path / "out").read_text():
        assert slurm.states(job)[0] in {"PENDING", "CONFIGURING", "RUNNING"}
    slurm.run("scancel", job)
    assert slurm.wait(job) == ["CANCELLED"]
    said = (tmp_path / "out").read_text()
    assert f"error: *** JOB {job} ON node1 CANCELLED AT " in said
    assert "ends" not in said


def test_two_slurms_and_a_small_array(slurm, tmp_path, monkeypatch):
    # The first ports that it tries are those of the other one.
    ports = [
        int(line.split("=")[1]) for line in slurm.conf.read_text().splitlines() if "Port=" in line
    ]
    free = cluster.free_port
    monkeypatch.setattr(cluster, "free_port", lambda: ports.pop() if ports else free())
    with Slurm(short_folder(), max_array_size=5) as other:
        job = submit(other, tmp_path, "sleep 60", "--array=0-4")
        with pytest.raises(subprocess.CalledProcessError) as error:
            submit(other, tmp_path, "true", "--array=0-5", stderr=subprocess.PIPE)
        assert "Invalid job array specification" in error.value.stderr
        assert len(other.states(job)) == 5
        assert slurm.states("999999") == []
        pids = [daemon.pid for daemon in other.daemons.values()]
    assert not other.folder.exists()
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


def test_a_slurm_that_does_not_start(slurm, monkeypatch):
    monkeypatch.setattr(cluster, "SLURM_CONF", cluster.SLURM_CONF + "Nonsense=1\n")
    folder = short_folder()
    with pytest.raises(RuntimeError, match="unrecognized key: Nonsense"):
        Slurm(folder)
    assert not os.path.exists(folder)


@pytest.mark.parametrize("home", ["home", 'it\'s "my" $HOME \\ ~ é'])
def test_home_over_ssh(make_ssh, tmp_path, monkeypatch, home):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LEAK", "here")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("nonsense\n")
    ssh = make_ssh(home=home, environ={"GIVEN": "a \"b' $c \\"})
    (ssh.home / ".bashrc").write_text("echo read once\n")
    monkeypatch.setenv("PATH", ssh.environ["PATH"])
    said = subprocess.run(
        ["ssh", "cluster", 'echo "$HOME"; pwd; echo ~; echo "$GIVEN$LEAK"; shopt login_shell'],
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    where = str(ssh.home)
    expected = ["read once", where, where, where, "a \"b' $c \\", "login_shell    \toff"]
    assert said.splitlines() == expected


def test_exit_codes_and_input_over_ssh(make_ssh):
    ssh = make_ssh()
    with pytest.raises(subprocess.CalledProcessError) as error:
        ssh.run("exit 5")
    assert error.value.returncode == 5
    assert ssh.run("cat", input="given\n") == "given\n"


def test_rsync_over_ssh(make_ssh, tmp_path):
    ssh = make_ssh(home="my home")
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").write_text("text")
    environ = {**os.environ, **ssh.environ}
    subprocess.run(["rsync", "-a", "a", "cluster:there/"], check=True, env=environ, cwd=tmp_path)
    assert (ssh.home / "there/a/file").read_text() == "text"
    subprocess.run(["rsync", "-a", "cluster:there", "."], check=True, env=environ, cwd=tmp_path)
    assert (tmp_path / "there/a/file").read_text() == "text"


def test_path_over_ssh(make_ssh, tmp_path):
    first = tmp_path / "first bin"
    first.mkdir()
    cluster.script(first / "a-tool", "#!/bin/sh\necho mine\n")
    ssh = make_ssh(path=[first], base_path=str(links(tmp_path / "few", "sh", "cat")))
    assert ssh.run("a-tool; cat; command -v rsync || echo none") == "mine\nnone\n"
    environ = {**os.environ, **ssh.environ}
    rsync = subprocess.run(
        ["rsync", "-a", first, "cluster:"], env=environ, capture_output=True, text=True
    )
    assert rsync.returncode in {12, 127}, rsync  # it takes what it sees first
    assert "command not found" in rsync.stderr


def test_sbatch_over_ssh(ssh_cluster, slurm):
    job = ssh_cluster.run("sbatch --parsable --output=out --wrap='pwd; echo $HOME'").strip()
    assert slurm.wait(job) == ["COMPLETED"]
    assert (ssh_cluster.home / "out").read_text() == f"{ssh_cluster.home}\n" * 2
