"""What the tests of a report need, made when first asked for and kept; findings, and the verdict that follows.

Imports `trust` and what stands above it.
"""
