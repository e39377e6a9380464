"""The command line, and the pipelines behind it: the only wing that knows the order of things.

Imports everything; nothing imports it.
"""
