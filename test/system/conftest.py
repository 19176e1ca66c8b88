# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every system test gets: the product, installed as a user installs it, and a lab.

Runs as root on a machine that may be scribbled on, with a kernel that has PPP: test/run has these
tests run in a virtual machine. MULTIHOME_BUILD names the build folder to install from.
"""

import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import lab as lab_module  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line('markers', 'kernel_5_10: is about Debian 11\'s kernel, and runs there')
    config.addinivalue_line('markers', 'needs(link): makes no sense in a phase without that link')


def makes_sense(item):
    """Not of a link that is down in the phase, by its module's PHASES: (..., links down, how)."""
    needs = item.get_closest_marker('needs')
    if not needs:
        return True
    down = item.module.PHASES[item.callspec.params['phase']][-2]
    return needs.args[0] not in down


def pytest_collection_modifyitems(config, items):
    old = tuple(int(n) for n in os.uname().release.split('.')[:2]) < (5, 13)
    chosen = [item for item in items
              if bool(item.get_closest_marker('kernel_5_10')) == old and makes_sense(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def pytest_terminal_summary(terminalreporter):
    """What the tests that passed have measured."""
    for report in terminalreporter.stats.get('passed', []):
        for line in report.capstdout.splitlines():
            if report.when == 'call':
                terminalreporter.write_line(f'{report.location[2]}: {line}')


@pytest.fixture(scope='session')
def build():
    folder = os.environ.get('MULTIHOME_BUILD', 'build')
    subprocess.run(['meson', 'install', '--no-rebuild', '--quiet', '-C', folder], check=True)
    subprocess.run(['ldconfig'], check=True)
    return os.path.abspath(folder)


@pytest.fixture(scope='session')
def world(tmp_path_factory):
    made = lab_module.World(tmp_path_factory.mktemp('world'))
    yield made
    made.close()


@pytest.fixture
def lab(build, world, tmp_path):
    made = lab_module.Lab(world, tmp_path, f'{build}/test/system/packets')
    before = lab_module.foreign()
    yield made
    made.close()
    lab_module.assert_unchanged(before)
    assert lab_module.ours() == [] and lab_module.ours('-6') == []
