"""Scores of a table of codes against the factors that made the data.

A metric is `f(codes, factors, *, seed=0, ...) -> dict[str, float]`: NumPy in, plain floats out, the
headline score first, under the function's own name. A new one is one new file and one line here;
what they share is in `base.py`. `udr` and `model_centrality`, which compare codes of several models and
take no factors, and `importance_matrix`, which gives a matrix, are none of them.
"""

from zoo.metrics._importances import importance_matrix as importance_matrix
from zoo.metrics._model_centrality import model_centrality as model_centrality
from zoo.metrics._udr import udr as udr
from zoo.metrics.beta_vae_score import beta_vae_score as beta_vae_score
from zoo.metrics.dci import dci as dci
from zoo.metrics.dci_forest import dci_forest as dci_forest
from zoo.metrics.dci_lasso import dci_lasso as dci_lasso
from zoo.metrics.dcimig import dcimig as dcimig
from zoo.metrics.distances import distances as distances
from zoo.metrics.downstream import downstream as downstream
from zoo.metrics.explicitness import explicitness as explicitness
from zoo.metrics.factor_vae_score import factor_vae_score as factor_vae_score
from zoo.metrics.infomec import infomec as infomec
from zoo.metrics.irs import irs as irs
from zoo.metrics.jemmig import jemmig as jemmig
from zoo.metrics.mig import mig as mig
from zoo.metrics.mig_posterior import mig_posterior as mig_posterior
from zoo.metrics.modularity import modularity as modularity
from zoo.metrics.sap import sap as sap
from zoo.metrics.sap_r2 import sap_r2 as sap_r2
from zoo.metrics.unsupervised import unsupervised as unsupervised
