"""Runs by hand, not part of the suite."""
