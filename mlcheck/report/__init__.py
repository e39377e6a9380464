"""The report on networks: parts, findings, verdict, figures.

Imports every wing above it.
"""
