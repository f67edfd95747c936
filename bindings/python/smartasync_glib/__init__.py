# SPDX-License-Identifier: LGPL-2.1-or-later

"""What `from gi.repository import SmartAsync` loads for Python.

How a call flows: `function` is what is called; `detect` says which context the
caller is in; in a sync one `loops` runs a coroutine to its end; under asyncio
`under_asyncio` gives a coroutine; in a GLib context without asyncio `driver`
drives it. `work` is what travels through the C library, `future` what comes
back, `errors` and `values` how both are translated. `pairs`, `lock` and
`helpers` are built upon these. What every call does of it is in C, in the module
_smartasync_glib, whose files are in the folder `native`.
"""

import gi

gi.require_version('SmartAsync', '1.0')

from gi.repository import SmartAsync  # noqa: E402, F401: loads the override
