"""What arrays are called in signatures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Vector = NDArray[np.float64]
"""x, or a gradient; shape (n,)."""
