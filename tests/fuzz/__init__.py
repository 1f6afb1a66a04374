"""Damage of every kind for every grammar, and readers of our own that add up what is accepted."""
