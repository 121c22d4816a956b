"""Conformance kit: the laws every backend must obey, as test classes to inherit.

Five lines hold a backend to all of them; needs hypothesis and pytest:

    from lodestore.conformance import InterfacePromises, KernelLaws

    class TestMyBackend(KernelLaws, InterfacePromises):
        def backend(self, folder: Path) -> Backend:  # a new handle on the store in that folder
            return MyBackend(folder)

`KernelLaws` asks the methods of `lodestore.core.backend.Backend`; `InterfacePromises` asks what `lodestore.Store`
promises its users over that backend. `examples` and `steps` on the class say how hard Hypothesis looks.
"""

from __future__ import annotations

from pkgutil import iter_modules

import pytest

# Failed assertions here show their values, as those of the user's own tests do.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in iter_modules(__path__)))

from .backend_laws import KernelLaws  # noqa: E402
from .store_promises import InterfacePromises  # noqa: E402

__all__ = ["InterfacePromises", "KernelLaws"]
