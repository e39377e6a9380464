"""Tests of trust, each with its null: leakage, thinning, coverage, shifts, reweighting.

Imports `attribution` and what stands above it.
"""
