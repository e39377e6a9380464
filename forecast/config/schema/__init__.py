"""Tables of a configuration file as they are written: keys, types, limits, and what each means.

Imports nothing above `likelihoods`; what tables become is built in `config`.
"""
