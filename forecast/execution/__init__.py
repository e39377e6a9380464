"""Work over many catalogues or settings: on processes here or on a Dask cluster, and its finished items on disk.

Numbers are the same wherever an item is done. May import `core` alone.
"""
