"""What queueing theory says of one server that serves one after another, in the order of arrival.

M: arrivals that know nothing of each other, `rate_per_s`; G: any service time. Delay is from
arrival until the service is over, waiting included.

- M/M/1: the delay is exponential with mean 1 / (service rate − arrival rate).
- M/G/1: the mean is Pollaczek's and Khinchine's; the distribution is Beneš's series, a geometric
  number of independent residual services (Kleinrock, "Queueing Systems" I, 1975, 5.7), here on a
  grid, summed in the frequency domain.
- M/D/1: the distribution of the wait as Erlang has it (1909; Iversen, "Teletraffic Engineering
  Handbook", 10.4); its terms alternate, so it is only good for a few services.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import erf, exp, factorial, log, sqrt

import numpy as np

from sim.population.arrays import Floats

POINTS = 1 << 17


@dataclass(frozen=True)
class Service:
    """A distribution of service times: `cdf` of an array of times, and the first two moments."""

    name: str
    mean_s: float
    square_s2: float
    cdf: Callable[[Floats], Floats]


def constant(mean_s: float) -> Service:
    return Service("constant", mean_s, mean_s**2, lambda t: np.where(t >= mean_s, 1.0, 0.0))


def exponential(mean_s: float) -> Service:
    return replace(hyperexponential(mean_s, 1.0), name="exponential")


def hyperexponential(mean_s: float, cv2: float) -> Service:
    """Two exponentials that have half of the work each; `cv2` ≥ 1: variance over mean squared."""
    share = (1 + sqrt((cv2 - 1) / (cv2 + 1))) / 2
    rates = [2 * share / mean_s, 2 * (1 - share) / mean_s]

    def cdf(t: Floats) -> Floats:
        tail: Floats = share * np.exp(-rates[0] * t) + (1 - share) * np.exp(-rates[1] * t)
        return 1 - tail

    return Service("hyperexponential", mean_s, (1 + cv2) * mean_s**2, cdf)


def erlang(mean_s: float, stages: int) -> Service:
    """A sum of so many equal exponentials."""

    def cdf(t: Floats) -> Floats:
        x = t * stages / mean_s
        terms = sum((x**k / factorial(k) for k in range(stages)), np.zeros_like(x))
        return 1 - np.exp(-x) * terms

    return Service("Erlang", mean_s, mean_s**2 * (1 + 1 / stages), cdf)


def log_normal(mean_s: float, sigma: float) -> Service:
    middle = log(mean_s) - sigma * sigma / 2
    phi = np.vectorize(lambda z: (1 + erf(z / sqrt(2))) / 2, otypes=[np.float64])

    def cdf(t: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            return np.asarray(phi((np.log(t) - middle) / sigma))

    return Service("log-normal", mean_s, mean_s**2 * exp(sigma * sigma), cdf)


def mm1_quantile(rate_per_s: float, mean_s: float, share: float) -> float:
    """The delay of M/M/1 that so large a share is at most."""
    return -log(1 - share) / (1 / mean_s - rate_per_s)


def mg1_mean(rate_per_s: float, service: Service) -> float:
    """The mean delay."""
    free = 1 - rate_per_s * service.mean_s
    return rate_per_s * service.square_s2 / (2 * free) + service.mean_s


def mg1_quantile(rate_per_s: float, service: Service, share: float) -> float:
    """The delay that so large a share is at most. The grid reaches 40 times the mean delay."""
    span_s = 40 * mg1_mean(rate_per_s, service)
    step_s = service.mean_s / np.ceil(POINTS * service.mean_s / span_s)
    middles = (np.arange(2 * POINTS) + 0.5) * step_s / 2
    tail = 1 - service.cdf(middles)  # at the middles of half steps
    residual = np.cumsum(tail) * (step_s / 2) / service.mean_s
    edges = np.concatenate(([0.0], residual[::2]))  # at half a step and whole ones beyond
    load = rate_per_s * service.mean_s
    wait = (1 - load) / (1 - load * np.fft.rfft(np.diff(edges)))
    served = np.fft.rfft(np.diff(service.cdf(np.concatenate(([0.0], middles[1::2])))))
    delay = np.cumsum(np.fft.irfft(wait * served, POINTS))
    return float(np.searchsorted(delay, share) * step_s)


def md1_waits_at_most(rate_per_s: float, service_s: float, wait_s: float) -> float:
    """The share of customers of M/D/1 that wait so long at most."""
    load = rate_per_s * service_s
    total = 0.0
    for k in range(int(wait_s // service_s) + 1):
        x = rate_per_s * (k * service_s - wait_s)
        total += x**k / factorial(k) * exp(-x)
    return (1 - load) * total
