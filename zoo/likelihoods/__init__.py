"""Likelihoods p(x|z): from the decoder's outputs to a distribution of images.

A new one is a file here and a line below.
"""

from zoo.likelihoods._equivalent_beta import EquivalentBeta as EquivalentBeta
from zoo.likelihoods._equivalent_beta import equivalent_beta as equivalent_beta
from zoo.likelihoods.base import Likelihood as Likelihood
from zoo.likelihoods.base import get as get
from zoo.likelihoods.bernoulli import Bernoulli as Bernoulli
from zoo.likelihoods.beta import Beta as Beta
from zoo.likelihoods.categorical import Categorical as Categorical
from zoo.likelihoods.continuous_bernoulli import ContinuousBernoulli as ContinuousBernoulli
from zoo.likelihoods.discretized_logistic import DiscretizedLogistic as DiscretizedLogistic
from zoo.likelihoods.discretized_logistic_mixture import (
    DiscretizedLogisticMixture as DiscretizedLogisticMixture,
)
from zoo.likelihoods.filtered_gaussian import FilteredGaussian as FilteredGaussian
from zoo.likelihoods.gaussian import Gaussian as Gaussian
from zoo.likelihoods.laplace import Laplace as Laplace
