"""The version of psweep-core, in step with its siblings."""

__version__ = "1.0.0"
