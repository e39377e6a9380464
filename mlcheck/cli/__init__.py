"""The command line of mlcheck.

Imports everything; nothing imports it.
"""
