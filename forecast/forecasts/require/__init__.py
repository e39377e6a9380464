"""The planner's inverse question: how much of one thing reaches an error that is wanted.

Imports `forecasts`, which does not know of it.
"""
