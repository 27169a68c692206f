"""Submit failed psets again, after you have fixed the cause.

Before you run this, raise MAX_ITERATIONS in templates/calc/run.py to 100_000. The files in the
folder of a pset are used as they are, so this script copies the fixed run.py to the folders of the
failed psets. It has no placeholders, so it is the same for all. `batch_resubmit` writes
calc/resubmit_cluster.sh, which submits just these. README.md has the commands that come next.
"""

import shutil

import psweep as ps

if __name__ == "__main__":
    again = ps.batch_resubmit("calc")
    for pset_id in again._pset_id:
        shutil.copy("templates/calc/run.py", f"calc/{pset_id}")

    print(f"psets to submit again: {len(again)}")
    for machine, psets in again.groupby("machine"):
        print(f"by calc/resubmit_{machine}.sh: {', '.join(psets.state + ', ' + psets.reason)}")
