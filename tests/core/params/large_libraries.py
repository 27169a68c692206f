"""Hashes of values of PyTorch and numba, which are large: nox -s large_libraries."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import psweep as ps


def test_tensors_count_by_their_values(script):
    """In a program of its own: torch's threads would forbid later tests to fork workers."""
    code = """
        import pickle
        import sys
        import torch
        import psweep as ps

        def hash_of(value):
            return ps.pset_hash({"v": value})

        torch.manual_seed(0)
        grid, z = torch.arange(6).reshape(2, 3), torch.tensor([1 + 2j])
        alike = [
            (grid.t(), grid.t().contiguous()),
            (torch.arange(6)[::2], torch.tensor([0, 2, 4])),
            (z.conj(), torch.tensor([1 - 2j])),
            (torch.ones(2, requires_grad=True) * 1, torch.ones(2, requires_grad=True)),
        ]
        for one, other in alike:
            assert hash_of(one) == hash_of(other), (one, other)

        class Tagged(torch.Tensor):
            pass

        tagged = torch.ones(2).as_subclass(Tagged), torch.ones(2).as_subclass(Tagged)
        tagged[1].tag = 1
        different = [
            torch.ones(2), torch.ones(3), torch.ones(2, 1), torch.ones(2, dtype=torch.float64),
            torch.ones(2, dtype=torch.bfloat16), torch.zeros(2), torch.tensor(1), torch.tensor(1.0),
            torch.tensor([float("nan")]), torch.tensor([]), torch.zeros(0, 3),
            torch.ones(2, requires_grad=True), torch.nn.Parameter(torch.ones(2)), *tagged,
            torch.ones(2, device="meta"), torch.eye(2).to_sparse(), torch.zeros(2, 2).to_sparse(),
            torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), torch.nn.LSTM(2, 2), torch.nn.ReLU(),
            torch.nn.Linear(1, 1).state_dict(), torch.distributions.Normal(0.0, 1.0),
            torch.Generator().manual_seed(1), torch.Generator().manual_seed(2), torch.nn.ReLU,
            torch.relu, torch.tanh, torch.nn.functional.relu, torch.float32, torch.device("cpu"),
            torch.channels_last, torch.contiguous_format,
        ]
        hashes = list(map(hash_of, different))
        assert len(set(hashes)) == len(different)
        assert hashes == [hash_of(pickle.loads(pickle.dumps(v))) for v in different]
        # NumPy and pickle do not have this type.
        small = [torch.tensor(x).to(torch.float8_e5m2) for x in (1.0, [1.0], [1.0], [2.0])]
        assert len(set(map(hash_of, small))) == 3

        calc, psets = sys.argv[1], [{"v": v} for v in different]
        df = ps.run_local(lambda pset: {}, psets, calc_dir=calc)
        again = ps.df_read(calc)
        for i, row in again.iterrows():
            pset = ps.df_extract_pset(again, row._pset_id)
            assert ps.pset_hash(pset) == row._pset_hash == hashes[i] == df._pset_hash[i], pset
        df = ps.run_local(lambda pset: {}, psets, calc_dir=calc, skip_dups=True)
        assert len(df) == len(different)
        print(hash_of(torch.arange(3)))
    """
    outputs = {script(code, calc, wait=True) for calc in ("one", "two")}
    assert len(outputs) == 1, outputs


def test_functions_of_numba_count_by_the_function(tmp_path):
    (tmp_path / "study.py").write_text(
        textwrap.dedent(
            """
            import numba, pickle, sys
            import psweep as ps

            @numba.njit
            def kernel(x):
                return x + 1

            def make(n):
                return numba.njit(lambda x: x + n)

            def hashes():
                values = [kernel, make(1), make(2), numba.njit(parallel=True)(make(1).py_func),
                          lambda x: kernel(x)]
                found = [ps.pset_hash({"v": v}) for v in values]
                assert len(set(found)) == len(values)
                assert ps.pset_hash({"v": make(1)}) == found[1]
                make(1)(1)
                return found

            if __name__ == "__main__":
                psets = [{"v": v} for v in (kernel, make(1), lambda x: kernel(x))]
                print(hashes())
                df = ps.run_local(lambda pset: {"y": pset["v"](1)}, psets, skip_dups=True)
                assert df.y.tolist() == [2, 2, 2], df
            """
        )
    )
    outputs = {
        subprocess.run(
            [sys.executable, *args], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for args in (["study.py"], ["study.py"], ["-c", "import study; print(study.hashes())"])
    }
    assert len(outputs) == 1, outputs
    df = ps.df_read(tmp_path / "calc")
    assert [ps.pset_hash(ps.df_extract_pset(df, i)) for i in df._pset_id] == df._pset_hash.tolist()
