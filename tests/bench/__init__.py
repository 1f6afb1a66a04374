"""Benchmarks, run by hand from the root of the tree: `python -m tests.bench.parse`, `….job`.

Every figure is printed beside a peer or a bare stand-in timed in the same run, because absolute
figures drift from machine to machine. Nothing here asserts a time.
"""
