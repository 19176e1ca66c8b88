# SPDX-License-Identifier: LGPL-2.1-or-later
"""Delegated prefixes, by each DHCPv6 client that examples/dual-stack has hooks for.

Each client goes once through what may befall a prefix, and what is seen after each event is what
the tests are about. The server is wide-dhcpv6's.
"""

import signal

import pytest

import dualstack
import situations
from dualstack import LINKS, addresses, belongs, delegated, rules, status
from lab import ip, until


def note(made):
    """What is to be seen of both prefixes, by the prefixes."""
    return {
        'eth0': sorted(addresses('eth0')),
        'rules': sorted(line.split(':\t')[1].split(' proto')[0].strip()
                        for line in ip('-6', 'rule').splitlines() if ':100::/' in line or
                        ':200::/' in line or ':300::/' in line),
        'sources': {name: status(name)['sources'] if status(name) else None for name in LINKS},
        'rejects': sorted(line.split()[1] for line in ip('-6', 'route').splitlines()
                          if line.startswith('unreachable') and 'metric 4096' in line),
        'foreign': [provider.foreign6() for provider in made.lab.providers],
    }


def prefix_of(name, session):
    return f'2001:db8:{name[3:]}:{session}00::/56'


def on_eth0(name, session):
    return f'2001:db8:{name[3:]}:{session}00::1'


def live(made):
    events = {}

    def comes(name, session):
        prefix = prefix_of(name, session)
        until(f'{name} has {prefix}', lambda: belongs(prefix, name))
        until('and eth0 an address of it',
              lambda: on_eth0(name, session) in addresses('eth0'))
        until('the hook has done its last', lambda: delegated(name) == prefix)

    made.start(*LINKS)
    for name in LINKS:
        comes(name, 1)
    events['both'] = note(made)

    made.lose('isp1', signal.SIGTERM)
    until('the LAN is told', lambda: on_eth0('isp1', 1) not in addresses('eth0'))
    events['isp1 ended'] = note(made)

    made.start('isp1')
    comes('isp1', 2)
    until('the old one is given up', lambda: not rules(prefix_of('isp1', 1)))
    events['isp1 back'] = note(made)

    made.lose('isp2', signal.SIGKILL)
    events['isp2 died'] = note(made)

    made.start('isp2')
    comes('isp2', 2)
    until('the old one is given up', lambda: not rules(prefix_of('isp2', 1)))
    events['isp2 back'] = note(made)
    return events


@pytest.fixture(scope='module', params=dualstack.CLIENTS)
def client(request):
    return request.param


@pytest.fixture(scope='module')
def events(build, world, tmp_path_factory, client):
    with situations.site(build, world, tmp_path_factory.mktemp('dhcp6'), 'dual-stack') as made:
        dualstack.set_up(made, client)
        try:
            with dualstack.logs_with_failure(made):
                seen = live(made)
            yield seen
        finally:
            dualstack.tear_down(made)


SESSIONS = {
    'both': {'isp1': 1, 'isp2': 1},
    'isp1 ended': {'isp2': 1},
    'isp1 back': {'isp1': 2, 'isp2': 1},
    'isp2 died': {'isp1': 2},
    'isp2 back': {'isp1': 2, 'isp2': 2},
}
LOST = {'isp1 ended': ('isp1', 1), 'isp2 died': ('isp2', 1)}


@pytest.fixture(params=SESSIONS)
def event(request):
    return request.param


def test_sources_are_the_prefixes(events, event):
    for name, session in SESSIONS[event].items():
        assert events[event]['sources'][name] == [prefix_of(name, session)]


def test_rules_are_of_the_prefixes(events, event):
    """A lookup and a refusal for each that is delegated, the refusal alone for one that is lost.

    Of a line that was killed the lookup stays until the next event, in a table that is empty.
    """
    had = [prefix_of(name, session) for name, session in SESSIONS[event].items()]
    lost = [prefix_of(*LOST[event])] if event in LOST else []
    seen = events[event]['rules']
    assert [rule for rule in seen if 'unreachable' in rule] == sorted(
        f'from {prefix} unreachable' for prefix in had + lost)
    followed = sorted(rule.split()[1] for rule in seen if 'lookup' in rule)
    if event == 'isp2 died':
        followed = [prefix for prefix in followed if prefix not in lost]
    assert followed == sorted(had)


def test_eth0_has_an_address_of_each(events, client, event):
    expected = sorted(on_eth0(name, session) for name, session in SESSIONS[event].items())
    if event == 'isp2 died' and client != 'dhcpcd':
        # Nobody has told the client yet; the kernel refuses what bears it.
        expected = sorted([*expected, on_eth0('isp2', 1)])
    elif event == 'isp2 died':
        assert set(events[event]['eth0']) - {on_eth0('isp2', 1)} == set(expected)
        return
    assert events[event]['eth0'] == expected


def test_the_rest_of_each_is_sent_nowhere(events, event):
    """Not back to the provider, who would send it here again."""
    for name, session in SESSIONS[event].items():
        assert prefix_of(name, session) in events[event]['rejects']


def test_no_provider_saw_a_foreign_source(events):
    assert [event['foreign'] for event in events.values()] == [[0, 0]] * len(events)
