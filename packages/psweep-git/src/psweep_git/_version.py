"""The version of psweep-git, in step with psweep-core."""

__version__ = "1.0.0"
