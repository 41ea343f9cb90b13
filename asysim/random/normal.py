"""The quantile of the normal law in compiled code, as SciPy's `ndtri` computes it.

Cephes Math Library 2.1, Stephen L. Moshier, 1984–2000: rational functions in three ranges.
"""

from __future__ import annotations

import math

from asysim.jit.compiler import compiled

_TAIL = 0.13533528323661269189  # exp(−2)
_ROOT = 2.50662827463100050242e0  # √(2π)

_MIDDLE_OVER = (
    -5.99633501014107895267e1,
    9.80010754185999661536e1,
    -5.66762857469070293439e1,
    1.39312609387279679503e1,
    -1.23916583867381258016e0,
)
_MIDDLE_UNDER = (
    1.0,
    1.95448858338141759834e0,
    4.67627912898881538453e0,
    8.63602421390890590575e1,
    -2.25462687854119370527e2,
    2.00260212380060660359e2,
    -8.20372256168333339912e1,
    1.59056225126211695515e1,
    -1.18331621121330003142e0,
)
_NEAR_OVER = (
    4.05544892305962419923e0,
    3.15251094599893866154e1,
    5.71628192246421288162e1,
    4.40805073893200834700e1,
    1.46849561928858024014e1,
    2.18663306850790267539e0,
    -1.40256079171354495875e-1,
    -3.50424626827848203418e-2,
    -8.57456785154685413611e-4,
)
_NEAR_UNDER = (
    1.0,
    1.57799883256466749731e1,
    4.53907635128879210584e1,
    4.13172038254672030440e1,
    1.50425385692907503408e1,
    2.50464946208309415979e0,
    -1.42182922854787788574e-1,
    -3.80806407691578277194e-2,
    -9.33259480895457427372e-4,
)
_FAR_OVER = (
    3.23774891776946035970e0,
    6.91522889068984211695e0,
    3.93881025292474443415e0,
    1.33303460815807542389e0,
    2.01485389549179081538e-1,
    1.23716634817820021358e-2,
    3.01581553508235416007e-4,
    2.65806974686737550832e-6,
    6.23974539184983293730e-9,
)
_FAR_UNDER = (
    1.0,
    6.02427039364742014255e0,
    3.67983563856160859403e0,
    1.37702099489081330271e0,
    2.16236993594496635890e-1,
    1.34204006088543189037e-2,
    3.28014464682127739104e-4,
    2.89247864745380683936e-6,
    6.79019408009981274425e-9,
)


@compiled
def _polynomial(x: float, coefficients: tuple[float, ...]) -> float:
    """Return the value of a polynomial, the coefficient of the highest power first."""
    value = coefficients[0]
    for i in range(1, len(coefficients)):
        value = value * x + coefficients[i]
    return value


@compiled
def quantile(chance: float) -> float:
    """Return the z below which a standard normal number lies with this chance, inside (0, 1)."""
    upper = chance > 1.0 - _TAIL
    y = 1.0 - chance if upper else chance
    if y > _TAIL:
        y -= 0.5
        square = y * y
        over = _polynomial(square, _MIDDLE_OVER)
        return (y + y * (square * over / _polynomial(square, _MIDDLE_UNDER))) * _ROOT
    x = math.sqrt(-2.0 * math.log(y))
    z = 1.0 / x
    if x < 8.0:
        rest = z * _polynomial(z, _NEAR_OVER) / _polynomial(z, _NEAR_UNDER)
    else:
        rest = z * _polynomial(z, _FAR_OVER) / _polynomial(z, _FAR_UNDER)
    x = x - math.log(x) / x - rest
    return x if upper else -x
