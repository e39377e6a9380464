"""Machine-learning constraints on sigma8 from cluster catalogues, held against :mod:`forecast`.

Networks of Ntampaka & Vikhlinin (2022, arXiv:2112.05768) and a compact one: trained, opened up, and tested for whether
they can be trusted. Needs Keras 3 with TensorFlow or JAX.
"""
