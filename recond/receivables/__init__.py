"""The mirror of the billing system, and the book that matching takes from it."""
