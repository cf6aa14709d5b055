"""Models: subclassed `keras.Model`s, trained by `fit`. One file each; `vae.py` is the base of all."""

from zoo.models.adversarial_autoencoder import AdversarialAutoencoder as AdversarialAutoencoder
from zoo.models.annealed_vae import AnnealedVAE as AnnealedVAE
from zoo.models.autoencoder import Autoencoder as Autoencoder
from zoo.models.beta_vae import BetaVAE as BetaVAE
from zoo.models.factor_vae import FactorVAE as FactorVAE
from zoo.models.info_gan import InfoGAN as InfoGAN
from zoo.models.info_wgan_gp import InfoWGANGP as InfoWGANGP
from zoo.models.vae import VAE as VAE
