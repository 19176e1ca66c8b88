# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the tests of this folder find what was built: MULTIHOME_BUILD names the build folder."""

import os
import pathlib

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = SOURCE / os.environ.get('MULTIHOME_BUILD', 'build')

for variable, path in {
        'MULTIHOME': 'tools/multihome',
        'MULTIHOME_LINKS': 'examples/api/links',
        'MULTIHOME_NO_NEXTHOPS': 'test/system/no-nexthops.so',
        'SELECTOR_TOOL': 'test/selector-tool',
}.items():
    os.environ.setdefault(variable, str(BUILD / path))
