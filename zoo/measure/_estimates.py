"""Means of random draws, with their standard errors."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number from random draws, and its standard error."""

    value: float
    standard_error: float

    def __str__(self) -> str:
        return f"{self.value:.4g} ± {self.standard_error:.2g}"


@dataclasses.dataclass(frozen=True)
class Estimates:
    """A number for each latent, and their standard errors, both `(latents,)`."""

    value: np.ndarray
    standard_error: np.ndarray

    def __str__(self) -> str:
        return ", ".join(
            str(Estimate(*each)) for each in zip(self.value, self.standard_error, strict=True)
        )


def estimate(terms: np.ndarray) -> Estimate:
    """The mean of independent terms, and its standard error, which a single term does not tell: infinite.

    Example:
        >>> str(estimate(np.array([1.0, 3.0]))), str(estimate(np.array([2.0])))
        ('2 ± 1', '2 ± inf')
    """
    count = len(terms)
    error = float(terms.std(ddof=1) / np.sqrt(count)) if count > 1 else float("inf")
    return Estimate(float(terms.mean()), error)


def estimates(terms: np.ndarray) -> Estimates:
    """The means of the columns, and their standard errors."""
    columns = [estimate(column) for column in terms.T]
    return Estimates(*np.array([(one.value, one.standard_error) for one in columns]).T)
