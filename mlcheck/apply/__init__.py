"""A network on catalogues to be judged, and on real clusters beside the exact fit.

Imports everything but the command line.
"""
