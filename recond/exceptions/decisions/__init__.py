"""Answers become entries: what each action of a work list does, who may do it, and its record."""
