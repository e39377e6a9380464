"""Figures: records in, `matplotlib.figure.Figure` out; nothing is computed here and pyplot is never used.

One style, and one module for each kind of figure.
"""
