"""How good predictions are: errors, coverage, baselines, NV22's table 4.

Imports `networks` and what stands above it.
"""
