"""Scores of a table of codes against the factors that made the data.

A metric is `f(codes, factors, *, seed=0, ...) -> dict[str, float]`: NumPy in, plain floats out, the
headline score first, under the function's own name. A new one is one new file and one line here;
what they share is in `base.py`.
"""

from zoo.metrics.distances import distances as distances
from zoo.metrics.factor_vae_score import factor_vae_score as factor_vae_score
from zoo.metrics.mig import mig as mig
