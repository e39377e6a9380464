"""Catalogues as networks see them: cases, features, scaling, batches, draws.

Imports `forecast`.
"""
