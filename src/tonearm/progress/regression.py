"""Bayesian regression of one value on one variable, and the variance around it."""

from dataclasses import dataclass

SLOPE_SPREAD = 0.15
"""Standard deviation of a slope before anything was observed."""
NOISE = 0.3
"""Standard deviation of one file around its line, until it is known better."""
NOISE_FILES = 8.0
"""Weight of ``NOISE``, in files."""


@dataclass(slots=True)
class Line:
    """A line with an intercept and a slope.

    What is known before is a mean of 0 with the standard deviation ``spread`` at 0, and a slope. What was observed is
    kept as a precision matrix ((a, b), (b, c)) and the precision-weighted values (p, q).
    """

    spread: float
    slope: float
    a: float = 0.0
    b: float = 0.0
    c: float = 0.0
    p: float = 0.0
    q: float = 0.0

    def learn(self, x: float, y: float, variance: float) -> None:
        """Add an observation."""
        weight = 1 / variance
        self.a += weight
        self.b += weight * x
        self.c += weight * x * x
        self.p += weight * y
        self.q += weight * x * y

    def at(self, x: float) -> tuple[float, float]:
        """The mean at ``x``, and its variance without noise."""
        a = self.a + self.spread**-2
        c = self.c + SLOPE_SPREAD**-2
        q = self.q + self.slope * SLOPE_SPREAD**-2
        determinant = a * c - self.b * self.b
        intercept = (c * self.p - self.b * q) / determinant
        slope = (a * q - self.b * self.p) / determinant
        return intercept + slope * x, (c - 2 * self.b * x + a * x * x) / determinant


@dataclass(slots=True)
class Noise:
    """Variance of single files around their line."""

    files: float = NOISE_FILES
    squares: float = NOISE_FILES * NOISE**2

    @property
    def variance(self) -> float:
        """The variance."""
        return self.squares / self.files

    def learn(self, error: float, known: float) -> None:
        """Add a prediction's error; ``known``: the variance of that prediction without noise."""
        share = self.variance / (self.variance + known)
        self.squares += min(error * error * share, 9 * self.variance)  # one odd file must not decide
        self.files += 1
