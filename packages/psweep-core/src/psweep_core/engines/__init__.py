"""Run psets: in this process, in workers, on an executor. Psets in, finished rows out.

A new engine is a module like `serial`; `choose` says when it is used.
"""
