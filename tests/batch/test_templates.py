"""Templates: what placeholders become, and what is refused before anything is written."""

from __future__ import annotations

import collections
import os
import shlex
import string
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import HOSTILE
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import psweep as ps
from psweep_batch import BatchError, MachineError, TemplateError
from psweep_batch.templates import DollarTemplate, JinjaTemplate

GOOD = {"local": ("subcmd: sh", "true\n")}


def filled(template, pset, name="t.txt"):
    df = ps.df_read("calc")
    return Path("calc", df._pset_id.iloc[-1], name).read_bytes()


TEXTS = st.text("ab$ {}@Q\n\u00fc", max_size=30)


@given(TEXTS, st.integers() | st.text(max_size=10))
@settings(max_examples=300)
def test_dollar_is_pythons_string_template(text, value):
    values = collections.defaultdict(lambda: value)
    assume("@Q}" not in text)  # which is ours
    try:
        expected = string.Template(text).substitute(values)
    except ValueError:
        with pytest.raises(TemplateError):
            DollarTemplate(text, "t")
    else:
        assert DollarTemplate(text, "t").fill(values) == expected


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50))
@settings(max_examples=100, deadline=None)
def test_the_quoted_form_is_one_word_for_the_shell(value):
    for text in (
        DollarTemplate("${a@Q}", "t").fill({"a": value}),
        JinjaTemplate("{{ a | quote }}", "t").fill({"a": value}),
    ):
        done = subprocess.run(["sh", "-c", f"printf %s {text}"], capture_output=True, check=True)
        assert done.stdout == value.encode()


@pytest.mark.parametrize(
    ("mode", "raw", "quoted"),
    [("dollar", "$v", "${v@Q}"), ("jinja", "{{ v }}", "{{ v | quote }}")],
)
def test_hostile_values_reach_the_files_and_are_not_run(templates, tmp_path, mode, raw, quoted):
    script = f"printf %s {quoted} >out.txt\npwd >pwd.txt\n"
    templates({"t.txt": f"<{raw}>", "sub/{x} $y.txt": raw}, local=("subcmd: sh", script))
    place = tmp_path / f"{HOSTILE} calc"
    psets = [{"v": HOSTILE}, {"v": "$(touch z)"}, {"v": 1}, {"v": None}, {"v": b"\xff"}]
    df = ps.prep_batch(psets, calc_dir=place, template_mode=mode)
    for shell in ("sh", "bash"):
        subprocess.run([shell, place / "run_local.sh"], check=True, cwd="/", capture_output=True)
    for pset, pset_id in zip(psets, df._pset_id, strict=True):
        folder = place / pset_id
        value = str(pset["v"])
        assert (folder / "t.txt").read_bytes() == f"<{value}>".encode()
        assert (folder / "sub/{x} $y.txt").read_bytes() == value.encode()
        assert (folder / "out.txt").read_bytes() == value.encode()
        assert (folder / "pwd.txt").read_text() == f"{folder}\n"
    left = {path.name for path in tmp_path.rglob("*")}
    assert not left & {"x", "y", "z"}


def test_book_keeping_names_are_filled(templates):
    names = ["_run_id", "_pset_id", "_calc_dir", "_time_utc", "_pset_hash", "_pset_seq", "_run_seq"]
    templates({"t.txt": "|".join(f"${{{name}}}" for name in names)}, **GOOD)
    ps.prep_batch([{"a": 1}])
    df = ps.prep_batch([{"a": 2}])
    row = df.iloc[-1]
    assert filled("t", None).decode().split("|") == [str(row[name]) for name in names]


def test_line_ends_encodings_and_modes_are_kept(templates):
    binary = b"\0$a \xff{{ a }}"
    latin = "$a \u00fc".encode("latin-1")
    templates(
        {"crlf.txt": "a=$a\r\nb\r\n", "no_end": "$a", "x.bin": binary, "l1": latin, "e": "",
         "d/e/f": "$a"}, **GOOD,
    )  # fmt: skip
    Path("templates/calc/empty").mkdir()
    Path("templates/calc/__pycache__").mkdir()
    modes = {"crlf.txt": 0o755, "no_end": 0o640, "x.bin": 0o400, "d/e/f": 0o777, "e": 0o666}
    for name, mode in modes.items():
        Path("templates/calc", name).chmod(mode)
    for mask in (0o022, 0o077):
        old = os.umask(mask)
        try:
            df = ps.prep_batch([{"a": 1}])
        finally:
            os.umask(old)
        folder = Path("calc", df._pset_id.iloc[-1])
        assert (folder / "crlf.txt").read_bytes() == b"a=1\r\nb\r\n"
        assert (folder / "no_end").read_bytes() == b"1"
        assert (folder / "x.bin").read_bytes() == binary
        assert (folder / "l1").read_bytes() == latin
        assert (folder / "e").read_bytes() == b""
        assert (folder / "d/e/f").read_bytes() == b"1"
        assert (folder / "empty").is_dir()
        assert not (folder / "__pycache__").exists()
        for name, mode in modes.items():
            assert (folder / name).stat().st_mode & 0o777 == mode, name


def test_jinja_knows_conditions_loops_and_keeps_the_last_newline(templates):
    text = "{% for x in xs %}{{ x }};{% endfor %}{% if opt is defined %}{{ opt }}{% endif %}\n"
    templates({"t.txt": text, "crlf": "{{ xs[0] }}\r\n"}, **GOOD)
    ps.prep_batch([{"xs": [1, 2]}], template_mode="jinja")
    assert filled("t", None) == b"1;2;\n"
    assert filled("t", None, "crlf") == b"1\r\n"
    ps.prep_batch([{"xs": range(3), "opt": "!"}], template_mode="jinja")
    assert filled("t", None) == b"0;1;2;!\n"


def refused(match, kind=BatchError, params=({"alpha": 1, "beta": 2},), **kwds):
    before = sorted(map(str, Path().rglob("*")))
    with pytest.raises(kind, match=match) as caught:
        ps.prep_batch(list(params), **kwds)
    assert sorted(map(str, Path().rglob("*"))) == before
    return str(caught.value)


@pytest.mark.parametrize(
    ("mode", "text", "match"),
    [
        ("dollar", "ok $alpha\n\nx=$alhpa",
         r"calc/t.txt, line 3: nothing .* \$alhpa: params\[0\] has no .* did you mean 'alpha'"),
        ("dollar", "$beta\n${gamma@Q}", r"line 2: .* \$gamma: .* it has alpha, beta, _run_id"),
        ("dollar", "a\nhost=$(hostname) x", r"line 2: '\$\(hostname\) x' is not a placeholder"),
        ("dollar", "costs 5$", r"line 1: '\$' is not a placeholder; write .* \$\$"),
        ("dollar", "${alpha", r"line 1: '\$\{alpha' is not a placeholder"),
        ("jinja", "{{ alpha }}\n{{ alhpa }}", r"line 2: .*\{\{ alhpa \}\}: .*mean 'alpha'"),
        ("jinja", "\n{{ alpha }", "t.txt, line 2: unexpected '}'"),
        ("jinja", "{% nonsense %}", "line 1: .*unknown tag 'nonsense'"),
        ("jinja", "{{ alpha + 'x' }}", "t.txt cannot be filled: TypeError"),
    ],
)  # fmt: skip
def test_templates_that_cannot_be_filled(templates, mode, text, match):
    templates({"t.txt": text}, **GOOD)
    refused(match, TemplateError, template_mode=mode)


@pytest.mark.parametrize(
    ("mode", "text", "value", "match"),
    [
        ("dollar", "$x", "\ud800", r"t\.txt: params\[1\] has 'x' = '\\ud800'.*surrogate.*remove"),
        ("jinja", "{{ x }}", "\ud800", r"t\.txt: params\[1\] has 'x' = '\\ud800'"),
        ("dollar", "${x@Q}", "a\0b", r"NUL character.*remove it \(params\[1\]\)"),
        ("jinja", "{{ x | quote }}", "a\0b", r"NUL character.*remove it \(params\[1\]\)"),
    ],
)
def test_values_that_no_file_holds_are_refused_before_anything_is_written(
    templates, mode, text, value, match
):
    templates({"t.txt": text}, **GOOD)
    refused(match, TemplateError, [{"x": "ok"}, {"x": value}], template_mode=mode)


def test_jobscripts_are_templates_and_every_pset_is_looked_at(templates):
    templates(local=("subcmd: sh", "echo $beta\n"))
    refused(
        r"local/jobscript, line 1: .*\$beta: params\[2\] has no 'beta'",
        params=[{"beta": 1}, {"beta": 2}, {"alpha": 1}],
    )


@pytest.mark.parametrize(
    "name",
    ["jobscript_local", "jobscript_local.log", "pset.pk", "result.pk", "result.json",
     ".job_local.1", ".submitted_x.1", ".jobscript_local", "pset.pk/x"],
)  # fmt: skip
def test_templates_named_like_what_psweep_or_the_job_writes(templates, name):
    templates({name: "x"}, **GOOD)
    refused("has the name of a file for", TemplateError)


def test_unused_params_that_look_misspelt_get_a_hint(templates):
    templates({"t": "$temperature"}, **GOOD)
    with pytest.warns(UserWarning, match="'temprature'; is it the 'temperature' of .*t, misspelt"):
        ps.prep_batch([{"temperature": 1, "temprature": 2}])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ps.prep_batch([{"temperature": 1, "pressure": 2, "temperaturd": 3, 4: 5}])


@pytest.mark.parametrize(
    ("info", "match"),
    [
        ("array: true", "has no subcmd, the command"),
        ("subcmd:", "has no subcmd"),
        ("", "must be a mapping such as .* not None"),
        ("- sbatch", "must be a mapping"),
        ("sbatch", "must be a mapping .* not 'sbatch'"),
        ("subcmd: [", "is not valid YAML"),
        ("subcmd: 2026-13-45", "info.yaml is not valid YAML: month must be in 1..12"),
        ("[" * 3000, "info.yaml is not valid YAML: maximum recursion depth exceeded"),
        ("array: true\nsubcmd: x\narray: no", "'array' comes twice, in lines 1 and 3; remove"),
        ("subcmd: x\nescalate:\n- {mem: 1G, mem: 2G}", "'mem' comes twice, in lines 3 and 3"),
        ("subcmd: 3", "subcmd must be one line of text, not 3"),
        ("subcmd: '  '", "subcmd must be one line"),
        ('subcmd: "a\\nb"', "subcmd must be one line"),
        ("subcmd: sbatch\nsubmcd: x", "unknown key 'submcd'; did you mean 'subcmd'"),
        ("subcmd: sbatch\nqueue: x", "unknown key 'queue'; allowed keys are subcmd, array"),
        ("subcmd: sbatch\narray: 1", "array must be true or false, not 1"),
        ("subcmd: sbatch\narray: true\npack: 0", "pack must be an integer ≥ 1, not 0"),
        ("subcmd: sbatch\narray: true\narray_limit: x", "array_limit must be an integer"),
        ("subcmd: sbatch\npack: 2", "pack is for job arrays; add 'array: true'"),
        ("subcmd: sh\narray: true", "needs a subcmd that takes --array"),
        ("subcmd: nice -n 5 bash\narray: true", "needs a subcmd that takes --array"),
        ("subcmd: 'cd x; sbatch'", "subcmd must be one command"),
        ("subcmd: sbatch # x\nstatcmd: ''", "statcmd must be one line"),
        ("subcmd: \"sbatch 'x\"", "No closing quotation"),
    ],
)  # fmt: skip
def test_info_that_makes_no_sense(templates, info, match):
    templates(m=(info, "true"))
    text = refused(match, MachineError)
    assert "machines/m/info.yaml" in text


def test_missing_folders_and_files(templates):
    refused("no folder machine_templ_dir='templates/machines'; make it", MachineError)
    Path("templates/machines/.git").mkdir(parents=True)
    refused("has no folder for a machine", MachineError)
    Path("templates/machines/m").mkdir()
    refused("machines/m has no file info.yaml", MachineError)
    Path("templates/machines/m/info.yaml").write_text("subcmd: sh")
    refused("machines/m has no file jobscript", MachineError)
    Path("templates/machines/m/jobscript").write_text("")
    refused("no folder calc_templ_dir='templates/calc'; make it", TemplateError)
    refused("no folder calc_templ_dir='x'", TemplateError, calc_templ_dir="x")
    Path("templates/machines/a b").mkdir()
    refused("rename it to letters", MachineError)
    Path("templates/machines/a b").rmdir()
    ps.prep_batch([{"a": 1}], calc_templ_dir=None)


def test_other_bad_arguments(templates):
    templates(**GOOD)
    refused("template_mode must be one of 'dollar', 'jinja', not 'mako'", template_mode="mako")
    refused("did you mean 'template_mode'", TypeError, template_mod="jinja")


@pytest.mark.parametrize(
    "text",
    [
        *("{{a}}", "{{ a | quote }}", "{%- for x in xs %}", "{{- a -}}", "{{a+1}}", "{{ -a }}"),
        *(
            "{{ 2 * a }}",
            "{{ a['x'] }}",
            "{{ a.x }}",
            "{{ not a }}",
            '{{ "%d" % a }}',
            "{{ f(a) }}",
        ),
        *("{{ 'x' if a else 'y' }}", "{{ (a, 1)[0] }}", "{{ 1e-3 * a }}", "{{ \u00e4 }}"),
        *("{{ [a] | sum }}", "{{ _pset_seq }}", "{{ a ~ 'x' }}", "{{ a | default('', true) }}"),
        *("{{ a is divisibleby 3 }}", "{{ {'x': 1}[a] }}", "{{\n a\n}}", "{{ a | join(', ') }}"),
        *(
            "{# c #}",
            "{#- c -#}",
            "{%+ if a %}",
            "{% if a\n %}",
            "{% set x = {} %}",
            "{%- endif -%}",
        ),
    ],
)
def test_jinja_without_a_mode_is_refused(templates, text):
    templates({"in": f"one\n$a {text}\n"}, local=("subcmd: sh", "true"))
    refused("in, line 2: .*template_mode=.jinja..* template_mode=.dollar.", params=[{"a": 1}])
    df = ps.prep_batch([{"a": 1}], template_mode="dollar")
    assert ps.file_read(f"calc/{df._pset_id[0]}/in") == f"one\n1 {text}\n"


@pytest.mark.parametrize(
    "text",
    [
        *("x = {{1: 2}}", "f'{{x:.3f}}'", "awk '{{print}; exit}'", "{{}}", "int a[2] = {{0}};"),
        *("{{1, 2}, {3, a}}", "{{a, b}}", "{{{1, a}, {2, b}}}", "{{\\rm text}}", "{{.Values.x}}"),
        *(
            "title = {{Density functional theory}}",
            "{{ i++ }}",
            "{{n=1}}",
            "{{x: y}}",
            "{{'a': b}}",
        ),
        *(
            "\\def\\x{%\n  text\n}%\n{%}",
            "\\def\\y#1{#1#}",
            "{# a",
            "#}",
            "{{'\\d'}}",
            "{{ \x01 }}",
        ),
    ],
)
def test_what_does_not_look_like_jinja(templates, text):
    templates({"in": text}, local=("subcmd: sh", "true"))
    df = ps.prep_batch([{"a": 1}])
    assert ps.file_read(f"calc/{df._pset_id[0]}/in") == text
    refused(r"params\[0\] must be a dict", TypeError, params=[1])
    refused("reserved by psweep", ps.ParamsError, params=[{"_pset_id": 1}])
    refused("database_basename", ps.ParamsError, database_basename="x/y.pk")
    refused("cannot be hashed", TypeError, params=[{"a": (i for i in "x")}])
    refused("cannot be kept", TypeError, params=[{"_a": (i for i in "x")}])


def test_subcmd_may_be_any_one_command(templates, tmp_path):
    for subcmd in ("sh", "env X=1 sh -e", "nice -n 1 /bin/sh", "'/bin/sh'", "bash --norc"):
        templates(m=(f"subcmd: {shlex.quote(subcmd)}" if "'" not in subcmd else f"subcmd: {subcmd}",
                     "echo $$X-$a >out"))  # fmt: skip
        df = ps.prep_batch([{"a": 1}])
        subprocess.run(["sh", "calc/run_m.sh"], check=True, capture_output=True)
        out = Path("calc", df._pset_id.iloc[-1], "out").read_text()
        assert out == ("1-1\n" if "X=1" in subcmd else "-1\n")


_LONG = [
    np.arange(2000),
    np.zeros((40, 40)),
    [1, {"k": np.arange(2000)}],
    pd.Series(range(100)),
    pd.DataFrame({"x": range(100)}),
    pd.DataFrame(np.zeros((1, 200))),
    pd.Index(np.arange(300) ** 2),
]


@pytest.mark.parametrize("value", _LONG, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    ("mode", "text"), [("dollar", "$a"), ("dollar", "${a@Q}"), ("jinja", "{{ a ~ '' }}")]
)
def test_values_whose_text_leaves_out_elements_are_refused(templates, value, mode, text):
    templates({"in": f"first\n{text}\n"}, local=("subcmd: sh", "true"))
    with pytest.raises(
        TemplateError, match=r"calc/in, line 2: 'a' is a .* make it a list"
    ) as caught:
        ps.prep_batch([{"a": 1}, {"a": value}], template_mode=mode)
    assert "(params[1])" in str(caught.value)
    assert not Path("calc").exists()


@pytest.mark.parametrize(
    ("mode", "text", "filled"),
    [
        ("dollar", "$s ...", "a...b ..."),
        ("dollar", "... ${n}", f"... {[*range(2000)]}"),
        ("jinja", "... {{ a.sum() }}", "... 1999000"),
    ],
)
def test_other_dots_are_kept_and_what_is_long_may_be_used(templates, mode, text, filled):
    templates({"in": text}, local=("subcmd: sh", "true"))
    pset = {"a": np.arange(2000), "s": "a...b", "n": [*range(2000)]}
    df = ps.prep_batch([pset], template_mode=mode)
    assert ps.file_read(f"calc/{df._pset_id[0]}/in") == filled


@pytest.mark.parametrize("text", ["{{ self }}", "{% if self > 3 %}x{% endif %}"])
def test_a_parameter_that_jinja_has_another_meaning_for_is_refused(templates, text):
    templates({"in": f"\n{text}"}, local=("subcmd: sh", "true"))
    with pytest.raises(
        TemplateError, match="in, line 2: in Jinja, self is the template.* rename it"
    ):
        ps.prep_batch([{"self": 4}], template_mode="jinja")
    assert not Path("calc").exists()


def test_jinjas_self_still_is_its_blocks(templates):
    templates(
        {"in": "{% block t %}x{{ a }}{% endblock %}{{ self.t() }}"}, local=("subcmd: sh", "true")
    )
    df = ps.prep_batch([{"a": 1}], template_mode="jinja")
    assert ps.file_read(f"calc/{df._pset_id[0]}/in") == "x1x1"
