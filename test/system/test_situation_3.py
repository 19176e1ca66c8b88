# SPDX-License-Identifier: LGPL-2.1-or-later
"""A server behind NAT, published on the line with a fixed address: examples/server-behind-nat."""

import signal

import pytest

import situations
from lab import group_members

PHASES = {
    'all-up': ((), None),
    'cheap-died': (('cheap',), signal.SIGKILL),
    'cheap-back': ((), None),
    'fixed-ended': (('fixed',), signal.SIGTERM),
    'fixed-back': ((), None),
}


@pytest.fixture(scope='module')
def site(build, world, tmp_path_factory):
    folder = tmp_path_factory.mktemp('situation')
    with situations.site(build, world, folder, 'server-behind-nat') as made:
        made.lan('eth1')
        for n, name in (1, 'fixed'), (2, 'cheap'):
            provider = made.lab.provider(n)
            made.rename(provider.serve_pppoe(sessions=1 if name == 'fixed' else 32), f'eth{n + 1}')
            made.provider_names[name] = provider.name
            made.link(name)
        made.sysctl('sysctl.d/60-multihome.conf')
        made.nftables()
        yield made


@pytest.fixture(scope='module', params=PHASES)
def phase(site, request):
    """Before, during and after a link's loss."""
    site.enter(*PHASES[request.param])
    site.keep_open(4, ['cheap'] if site.is_up('cheap') else ['fixed'],
                   {'fixed': 80, 'cheap': 8080})
    return request.param


@pytest.fixture
def live(site, phase):
    return [name for name in site.links if site.is_up(name)]


@pytest.mark.needs('fixed')
@pytest.mark.parametrize('protocol, port', [('tcp', 80), ('udp', 443)])
def test_published_server_answers_by_the_fixed_line(site, live, protocol, port):
    """Never by the default, which is the other line's."""
    assert site.local('fixed') == '100.64.1.10'
    for _ in range(4):
        assert site.answered(protocol, '100.64.1.10', port, at='lan') == ['fixed']


@pytest.mark.needs('cheap')
def test_published_on_the_cheap_line_too(site, live):
    for _ in range(4):
        assert site.answered('tcp', site.local('cheap'), 8080, at='lan', port_at=80) == ['cheap']


@pytest.mark.parametrize('protocol, port', [('tcp', 22), ('udp', 53), ('ping', 0)])
def test_host_answers_by_the_line_that_was_asked(site, live, protocol, port):
    for name in live:
        for _ in range(4):
            assert site.answered(protocol, site.local(name), port) == [name]


@pytest.mark.parametrize('netns', [None, 'lan'], ids=['host', 'lan'])
@pytest.mark.parametrize('protocol', ['tcp', 'udp'])
def test_new_connections_go_by_the_cheap_line(site, live, netns, protocol):
    """While it is up, else by the fixed one: a higher tier."""
    for n in range(4):
        assert site.goes_by(live[-1], protocol, f'198.18.70.{n}', 443, netns=netns)


def test_the_fixed_line_is_of_a_higher_tier(site, live):
    assert group_members() == ({'cheap': 1} if 'cheap' in live else {})
    assert group_members(metric=100) == ({'fixed': 1} if 'fixed' in live else {})


@pytest.mark.needs('fixed')
def test_bound_to_the_fixed_address(site, live):
    """What binds to its address goes by it."""
    assert site.goes_by('fixed', 'tcp', '198.18.71.1', 25, bind='100.64.1.10')


@pytest.mark.parametrize('from_outside', [False, True], ids=['to-outside', 'from-outside'])
def test_open_connections_go_on(site, phase, from_outside):
    """Those over each line that was there all the time, while the other comes and goes."""
    stopped, n = site.that_stop(from_outside)
    assert stopped == [] and n >= 1


def test_no_provider_saw_a_foreign_source(site, phase):
    assert site.dropped() == {'isp1': 0, 'isp2': 0}


def test_with_iptables(site):
    site.enter(())
    with site.lan_in_use():
        site.iptables()
    for _ in range(4):
        assert site.answered('tcp', '100.64.1.10', 80, at='lan') == ['fixed']
        assert site.answered('udp', '100.64.1.10', 443, at='lan') == ['fixed']
        assert site.answered('tcp', site.local('cheap'), 8080, at='lan', port_at=80) == ['cheap']
    assert site.goes_by('cheap', 'tcp', '198.18.72.1', 443, netns='lan')
    assert site.dropped() == {'isp1': 0, 'isp2': 0}
