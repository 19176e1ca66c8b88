# SPDX-License-Identifier: LGPL-2.1-or-later
"""A router with IPv4 and IPv6 on both of its lines: examples/dual-stack, with dhcpcd.

Each provider delegates a prefix to each session, another one each time, so the LAN's host has an
address of each provider. The other DHCPv6 clients are test_dhcp6.py's.
"""

import signal
import subprocess

import pytest

import dualstack
import situations
from dualstack import LINKS, addresses, belongs, delegated, lan_address, rules, status
from lab import SERVER6, group_members, ip, run, until
from situations import nth

PHASES = {
    'all-up': ((), None),
    'isp2-died': (('isp2',), signal.SIGKILL),
    'isp2-back': ((), None),
    'isp1-ended': (('isp1',), signal.SIGTERM),
    'isp1-back': ((), None),
}
PORT = 8006


@pytest.fixture(scope='module')
def site(build, world, tmp_path_factory):
    with situations.site(build, world, tmp_path_factory.mktemp('situation'), 'dual-stack') as made:
        dualstack.set_up(made, 'dhcpcd')
        made.server = dualstack.Server(PORT)
        made.prefixes = {}  # by link, that it has or had last
        made.addresses = {}  # the LAN host's, by link
        made.lost = {}  # the same, of links that are down
        made.outdated = []  # the LAN host's addresses of sessions before
        made.at_once = {}
        try:
            yield made
        finally:
            made.server.close()
            dualstack.tear_down(made)


def enter(site, down, way):
    lost = [name for name in down if site.is_up(name)]
    site.enter(down, way)
    for name in lost:
        # Before any hook may have heard of it.
        site.lost[name] = site.addresses.pop(name)
        site.at_once[name] = site.server.ask(site.lost[name])
    for name in LINKS:
        if name in down or name in site.addresses:
            continue
        prefix = f'2001:db8:{name[3:]}:{site.lives[name]}00::/56'
        until(f'{prefix} is a source of {name}', lambda: belongs(prefix, name))
        site.addresses[name] = until('the LAN has an address of it', lambda: lan_address(prefix))
        until('the hook has done its last', lambda: delegated(name) == prefix)
        until('the line has both of its own', lambda: len(addresses(name)) == 2)
        site.prefixes[name] = prefix
        if name in site.lost:
            site.outdated.append(site.lost.pop(name))


@pytest.fixture(scope='module', params=PHASES)
def phase(site, request):
    """Before, during and after a line's loss."""
    with dualstack.logs_with_failure(site):
        enter(site, *PHASES[request.param])
    return request.param


@pytest.fixture
def live(site, phase):
    return [name for name in LINKS if site.is_up(name)]


def left_by(site, source):
    """The lines by which packets from this address have left since it was last asked."""
    return sorted({p.device for p in site.watch.seen() if p.source == source and p.device in LINKS})


def test_lan_hosts_packets_leave_by_the_line_of_their_prefix(site, live):
    for name in live:
        for n in range(8):
            site.watch.seen()
            assert site.server.ask(site.addresses[name], nth(SERVER6, n)) == site.addresses[name]
            assert left_by(site, site.addresses[name]) == [name]


def test_lan_host_chooses_what_works(site, live):
    """The address of a lost line is deprecated, so nothing new is begun with it."""
    for name in site.lost:
        until('the LAN host has heard of it', lambda: not addresses('eth0', 'lan')[site.lost[name]])
    for n in range(8):
        assert site.server.ask(None, nth(SERVER6, n)) in [site.addresses[name] for name in live]


def test_lost_line_is_told_of_at_once(site, phase):
    """A connection from its prefix fails by ICMPv6, and no other provider sees a packet of it."""
    for name, address in site.lost.items():
        assert site.at_once[name] == 'ENETUNREACH'
        site.watch.seen()
        assert site.server.ask(address) == 'ENETUNREACH'
        said, seconds = dualstack.refusal(address)
        assert said == 'ENETUNREACH'
        print(f'a packet from the prefix of {name} was answered after {1000 * seconds:.0f} ms')
        assert left_by(site, address) == []
        refused = f'from {site.prefixes[name]} unreachable'
        if phase.endswith('died'):  # the other rule goes at the next event; its table is empty
            assert refused in rules(site.prefixes[name])
        else:
            assert rules(site.prefixes[name]) == [refused]


def test_outdated_prefix_is_told_of_at_once(site, phase):
    """Of the session before: the provider has given it to somebody else."""
    for address in site.outdated:
        site.watch.seen()
        assert site.server.ask(address) == dualstack.refusal(address)[0] == 'EACCES'
        assert left_by(site, address) == []


def test_sources_are_those_delegated_now(site, live):
    for name in live:
        assert belongs(site.prefixes[name], name)
        assert status(name)['sources'] == [site.prefixes[name]]


def test_lan_host_answers_by_the_line_that_was_asked(site, live):
    for name in live:
        site.watch.seen()
        run('ping', '-q', '-c', '2', '-W', '60', site.addresses[name], netns='inet')
        assert left_by(site, site.addresses[name]) == [name]


def test_router_answers_by_the_line_that_was_asked(site, live):
    for name in live:
        for address in addresses(name):
            site.watch.seen()
            run('ping', '-q', '-c', '1', '-W', '60', address, netns='inet')
            assert left_by(site, address) == [name]


def test_router_has_an_address_by_advertisement_and_one_by_dhcpv6(site, live):
    for name in live:
        own = addresses(name)
        assert len(own) == 2 and len([address for address in own if address.endswith('::d')]) == 1


def test_routers_new_flows_are_shared(site, live):
    """In IPv6: 8 to 2, give or take 10 points (over five standard deviations); or all by one."""
    site.called += 500
    counter = site.lab.counter(port=4006)
    site.lab.send('-f', 500, '-n', 500, '-r', 1000, to=nth('2001:db8:ffff:6::', site.called),
                  port=4006)
    seen = counter.settle(500)
    counter.close()
    assert seen['received'] == 500
    share = {name: sum(seen['flows'].get(address, 0) for address in addresses(name))
             for name in live}
    assert sum(share.values()) == 500 and all(share.values())
    if len(live) == 2:
        assert abs(share['isp1'] - 400) <= 50


@pytest.mark.parametrize('netns', [None, 'lan'], ids=['host', 'lan'])
def test_new_flows_of_ipv4_are_shared(site, live, netns):
    came = site.new_flows(500 if len(live) == 2 else 100, netns)
    assert set(came) == set(live)
    if len(live) == 2:
        assert abs(came['isp1'] - 400) <= 50


def test_tcp_is_told_of_the_lines_mtu(site, live):
    """1492 less 60."""
    for name in live:
        assert site.server.ask(site.addresses[name]) == site.addresses[name]
        assert max(site.server.mss) <= 1432


def test_the_defaults_are_ours_alone(site, live):
    """None by router advertisement, none of dhcpcd's."""
    weights = {'isp1': 8, 'isp2': 2}
    for family, metric in ('-4', 0), ('-6', 1):
        lines = [line for line in ip(family, 'route', 'show', 'default').splitlines()
                 if line.startswith('default')]
        assert len(lines) == 1 and 'nhid' in lines[0]
        assert group_members(metric, family) == {name: weights[name] for name in live}


def test_no_provider_saw_a_foreign_source(site, phase):
    assert site.dropped() == {'isp1': 0, 'isp2': 0}
    assert [provider.foreign6() for provider in site.lab.providers] == [0, 0]


def test_check_finds_nothing_but_what_is_lost(site, phase):
    out = subprocess.run(['multihome', 'check'], text=True, capture_output=True)
    assert out.returncode == 0 or site.lost, out.stdout
