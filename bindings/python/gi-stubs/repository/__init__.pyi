# SPDX-License-Identifier: LGPL-2.1-or-later

from typing import Any

# Other namespaces than SmartAsync have no types here: PyGObject-stubs has them.
def __getattr__(name: str) -> Any: ...
