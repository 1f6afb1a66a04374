"""Deposits and the statement lines that bring them: who clears whom. Pure."""
