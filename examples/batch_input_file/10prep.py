"""Run a program that is not Python and reads an input file: when to milk a radionuclide generator?

The program is decay.awk; yours will have another name. Its two input files, input.txt and
numerics/grid.txt, are templates, so each pset has its own, at the same place below its folder.
Look at templates/machines/local/jobscript: in ${title@Q} the value is quoted for the shell, so the
title may contain spaces and quotes. Then call

    sh calc/run_local.sh

run 20collect.py, and 30plot.py if you have matplotlib.
"""

import psweep as ps

# A mother nuclide decays to the daughter that a hospital wants; half-lives are in hours.
GENERATORS = [
    {"title": "Mo-99's Tc-99m", "mother": 65.94, "daughter": 6.007, "branching": 0.876},
    {"title": "Ge-68's Ga-68", "mother": 6502, "daughter": 1.129, "branching": 1.0},
    {"title": "Sr-82's Rb-82", "mother": 608, "daughter": 0.0212, "branching": 1.0},
]

if __name__ == "__main__":
    params = ps.pgrid(GENERATORS, ps.plist("steps", [2, 10, 100]))
    df = ps.prep_batch(params, skip_dups=True)

    ps.df_print(df, cols=["_run_seq", "title", "mother", "daughter", "steps"])
    print(f"the input of the first, calc/{df._pset_id[0]}/input.txt:")
    print(ps.file_read(f"calc/{df._pset_id[0]}/input.txt"))
