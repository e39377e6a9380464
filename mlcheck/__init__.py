"""Machine-learning constraints on sigma8 from cluster catalogues, held against :mod:`forecast`.

The encoder of Ntampaka & Vikhlinin (2022) and its checks arrive in a later version; see ``CHANGELOG.md``.
"""
