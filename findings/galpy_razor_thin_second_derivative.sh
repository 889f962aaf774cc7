#!/usr/bin/env bash
# galpy: the second vertical derivative of a razor-thin disk is inf, off the disk as well.
#
# Guess: z2deriv of RazorThinExponentialDiskPotential is -d/dz of its zforce where z is not 0; only
# in the disk itself, where the density is not finite, it is not.
# What happens: inf is answered everywhere, also a scale length above, where the force is smooth.
# R2deriv of the same class says there that it is not implemented.
# galpy 1.12.1, NumPy 2.4.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile galpy==1.12.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
from importlib.metadata import version

import numpy as np
from galpy.potential import RazorThinExponentialDiskPotential

disk, h = RazorThinExponentialDiskPotential(), 1e-3
print(f"galpy {version('galpy')}")
for R, z in (0.6, 0.25), (1.1, 0.4):
    near = [float(disk.zforce(R, z + k * h)) for k in (-2, -1, 1, 2)]
    slope = (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * h)
    print(f"R {R}, z {z}: zforce {float(disk.zforce(R, z)):.6f}, z2deriv "
          f"{disk.z2deriv(R, z)}, differences of zforce {-slope:.6f}")
if np.isfinite(disk.z2deriv(R, z)):
    raise SystemExit("the behaviour has changed")
END
