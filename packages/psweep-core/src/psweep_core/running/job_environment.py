"""What the scheduler of a batch job says to its processes, in the environment."""

from __future__ import annotations

import os

__all__ = ["job_id", "rank"]

_RANKS = ("SLURM_PROCID", "PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")


def rank() -> str:
    """Return the number of this process among those that the job started at once; "0" is first."""
    return next((os.environ[name] for name in _RANKS if name in os.environ), "0")


def job_id() -> str:
    """Return the number of this job, with the one of its task in an array; "-" if there is none."""
    found = os.environ.get
    if found("SLURM_ARRAY_JOB_ID"):
        return f"{found('SLURM_ARRAY_JOB_ID')}_{found('SLURM_ARRAY_TASK_ID')}"
    if found("LSB_JOBID"):
        index = found("LSB_JOBINDEX", "0")
        return f"{found('LSB_JOBID')}" + (f"_{index}" if index != "0" else "")
    job = found("SLURM_JOB_ID") or found("PBS_JOBID") or found("JOB_ID") or "-"
    sge_task = found("SGE_TASK_ID", "undefined")
    return f"{job}_{sge_task}" if sge_task != "undefined" else job
