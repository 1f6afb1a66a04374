"""What is taken away to see whether a test notices. Run by hand: `python -m tests.mutation`."""
