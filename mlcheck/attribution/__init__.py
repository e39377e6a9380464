"""What networks look at: gradients, saliency, leave-one-out, the terse layer, beside the exact statistics.

Imports `accuracy` and what stands above it.
"""
