"""Precisions that models are trained in: dtype policies of Keras."""

PRECISIONS = ("float32", "mixed_bfloat16")
