"""A plugin of pytest for mutations: examples are the same every time, and a failure is not made
smaller before it is told."""

from __future__ import annotations

from hypothesis import Phase, settings

settings.register_profile(
    "hasty", derandomize=True, database=None, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("hasty")
