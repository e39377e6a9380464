"""Networks on either backend: layers, heads, architectures, training, files, predictions.

Imports `data` and `domain`.
"""
