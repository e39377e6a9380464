"""Figures of networks and of tests of trust: results in, figure out.

Imports records only.
"""
