"""What the measurements of a single cluster say: its expected density at any parameters.

Imports `model` and what stands above it.
"""
