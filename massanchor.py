"""Self-calibration forecasts for galaxy-cluster surveys, and checks of networks against them.

The work is done by the packages `forecast` and `mlcheck`; this module says which version is installed.

Examples
--------
>>> import massanchor
>>> massanchor.__version__.count(".")
2
"""

__version__ = "0.1.0"
