"""The corridor: the only room that knows in which order the others are walked through."""

from recond.pipeline.process import FileOutcome, process

__all__ = ["FileOutcome", "process"]
