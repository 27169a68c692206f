"""What `run_local` does: check, plan, run, fold."""
