"""The code of psweep-core. Users write ``import psweep``, which gives out its public names.

These are in `public`, which is loaded when one of them is first used: the programs show their help
without it, and so without pandas.
"""

import importlib
from typing import TYPE_CHECKING

from ._version import __version__ as __version__

if TYPE_CHECKING:
    from .public import *  # noqa: F403
    from .public import LAZY as LAZY
    from .public import __all__ as __all__
    from .public import df_importance as df_importance
    from .public import df_plot as df_plot
    from .public import df_to_xarray as df_to_xarray
    from .public import edit as edit
    from .public import report as report
else:

    def __getattr__(name: str) -> object:
        # Python asks for private names, too, before it looks for a submodule.
        if name.startswith("_") and name != "__all__":
            message = f"module 'psweep_core' has no attribute {name!r}"
            raise AttributeError(message)
        public = importlib.import_module(".public", __name__)
        if name not in globals():  # the modules that it has imported are
            globals()[name] = getattr(public, name)
        return globals()[name]

    def __dir__() -> list[str]:
        return dir(importlib.import_module(".public", __name__))
