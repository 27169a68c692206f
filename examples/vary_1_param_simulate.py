"""Dry run: see what a run would do, without running anything.

`simulate=True` appends the new psets to a copy of the database in calc.simulate/ and never
calls `func`, so their results are missing there. On stderr, it reports how many psets would run,
and for how long. calc/ has the three rows of the real run before and after. You can delete
calc.simulate/.
"""

import time

import psweep as ps


def func(pset):
    time.sleep(0.1)  # something that takes long
    return {"square": pset["a"] ** 2}


if __name__ == "__main__":
    ps.run_local(func, ps.plist("a", [1, 2, 3]))

    new_params = ps.plist("a", [4, 5, 6])
    df = ps.run_local(func, new_params, simulate=True)

    print("in calc.simulate, what the study would become:")
    ps.df_print(df, cols=["_run_seq", "_pset_seq", "a", "square"])
    print("in calc, which was left alone:")
    ps.df_print(ps.df_read("calc/database.pk"), cols=["_run_seq", "_pset_seq", "a", "square"])
