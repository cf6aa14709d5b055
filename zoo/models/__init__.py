"""Models: subclassed `keras.Model`s, trained by `fit`. One file each.

Every model is a `VAE` (`vae.py`) that says one thing differently: its `regularizer`, as `beta_vae.py`, its `objective`
and its step, as `factor_vae.py`, its `posterior` and `prior`, as `joint_vae.py`. What they share, from the constructor
to saving, is in `base.py` and the files with an underscore that it names.
"""

from zoo.models.ada_gvae import AdaGVAE as AdaGVAE
from zoo.models.adversarial_autoencoder import AdversarialAutoencoder as AdversarialAutoencoder
from zoo.models.annealed_vae import AnnealedVAE as AnnealedVAE
from zoo.models.autoencoder import Autoencoder as Autoencoder
from zoo.models.beta_tc_vae import BetaTCVAE as BetaTCVAE
from zoo.models.beta_vae import BetaVAE as BetaVAE
from zoo.models.dip_vae import DIPVAE as DIPVAE
from zoo.models.factor_vae import FactorVAE as FactorVAE
from zoo.models.fsq_ae import FSQAE as FSQAE
from zoo.models.hfs_vae import HFSVAE as HFSVAE
from zoo.models.info_gan import InfoGAN as InfoGAN
from zoo.models.info_vae import InfoVAE as InfoVAE
from zoo.models.info_wgan_gp import InfoWGANGP as InfoWGANGP
from zoo.models.iwae import IWAE as IWAE
from zoo.models.joint_vae import JointVAE as JointVAE
from zoo.models.qlae import QLAE as QLAE
from zoo.models.tripod import Tripod as Tripod
from zoo.models.vae import VAE as VAE
