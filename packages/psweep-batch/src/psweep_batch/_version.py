"""The version of psweep-batch, in step with psweep-core."""

__version__ = "1.0.0"
