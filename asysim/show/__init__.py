"""Pictures, tables and notebook displays. Nothing here computes what it shows."""

from __future__ import annotations

from asysim.ground.caches import find_place_for_fonts

find_place_for_fonts()  # before any module here imports matplotlib
