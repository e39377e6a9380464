"""What training catalogues look like, and whether another one is like them: the test before every answer.

Imports `data`.
"""
