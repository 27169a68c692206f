"""What each job runs: integrate Planck's law over the wavelengths that we see.

As float("$temperature") instead of $temperature, this is Python already before the placeholder is
filled, so that editors and linters can read it.
"""

import math

import psweep as ps

temperature = float("$temperature")  # K
kT = 1.380649e-23 * temperature  # noqa: N816 (it is called so)
hc = 6.62607015e-34 * 299792458


def planck(wavelength):
    """The power per area and wavelength."""
    x = hc / (wavelength * kT)
    return 2 * math.pi * hc * 299792458 / wavelength**5 / math.expm1(x)


n = 1000
step = (700e-9 - 400e-9) / n
power = sum(planck(400e-9 + (i + 0.5) * step) for i in range(n)) * step
print(f"{power:.3g} W/m^2 of visible light")
ps.json_write(
    "result.json",
    {"peak_nm": 2.897772e6 / temperature, "visible": power / (5.670374e-8 * temperature**4)},
)
