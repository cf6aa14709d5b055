"""Claims of the field as studies that anyone can run again: `zoo study --named NAME`."""

from zoo.studies.named._run import Answer as Answer
from zoo.studies.named._run import again as again
from zoo.studies.named._run import get as get
from zoo.studies.named._run import judged as judged
from zoo.studies.named._run import run as run
from zoo.studies.named._run import study_of as study_of
from zoo.studies.named._verdicts import found_in as found_in
from zoo.studies.named._verdicts import verdict_table as verdict_table
from zoo.studies.named.agreement_of_metrics import AgreementOfMetrics as AgreementOfMetrics
from zoo.studies.named.beta_trade_off import BetaTradeOff as BetaTradeOff
from zoo.studies.named.continuous_bernoulli import ContinuousBernoulli as ContinuousBernoulli
from zoo.studies.named.correlated_factors import CorrelatedFactors as CorrelatedFactors
from zoo.studies.named.discriminator_lag import DiscriminatorLag as DiscriminatorLag
from zoo.studies.named.factor_vae_and_beta_vae import FactorVAEAndBetaVAE as FactorVAEAndBetaVAE
from zoo.studies.named.hidden_total_correlation import (
    HiddenTotalCorrelation as HiddenTotalCorrelation,
)
from zoo.studies.named.info_wgan_gp_and_vaes import InfoWGANGPAndVAEs as InfoWGANGPAndVAEs
from zoo.studies.named.learned_sigma import LearnedSigma as LearnedSigma
from zoo.studies.named.perceived_distances import PerceivedDistances as PerceivedDistances
from zoo.studies.named.seeds_against_methods import SeedsAgainstMethods as SeedsAgainstMethods
from zoo.studies.named.total_correlation import TotalCorrelation as TotalCorrelation
from zoo.studies.named.unsupervised_selection import UnsupervisedSelection as UnsupervisedSelection
from zoo.studies.named.xysquares_overlap import XYSquaresOverlap as XYSquaresOverlap
