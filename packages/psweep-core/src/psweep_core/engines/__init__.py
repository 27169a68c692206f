"""Run psets: in this process, in workers, on an executor. Psets in, finished rows out."""
