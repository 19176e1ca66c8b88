# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two sessions at one provider, with one gateway: examples/two-sessions-one-provider, by PPPoE."""

import pwd
import signal

import pytest

import situations
from lab import group_members, ip, ip_json, run

SESSIONS = ['session1', 'session2']
USER = pwd.getpwnam('backup').pw_uid
PHASES = {
    'all-up': ((), None),
    'session2-died': (('session2',), signal.SIGKILL),
    'session2-back': ((), None),
    'session1-ended': (('session1',), signal.SIGTERM),
    'session1-back': ((), None),
}


@pytest.fixture(scope='module')
def site(build, world, tmp_path_factory):
    folder = tmp_path_factory.mktemp('situation')
    with situations.site(build, world, folder, 'two-sessions-one-provider') as made:
        made.lan('eth0')
        ip('addr', 'add', '192.168.7.20/24', 'dev', 'eth0', netns='lan')
        provider = made.lab.provider(1)
        # Both sessions' addresses are this provider's: it tells which session each belongs to.
        run('nft', 'insert', 'rule', 'inet', 'provider', 'forward', 'iifname', 'ppp*', 'fib',
            'saddr', '.', 'iif', 'oif', 'missing', 'counter', 'name', 'foreign', 'drop',
            netns='isp1')
        made.rename(provider.serve_pppoe(), 'eth1')
        for name in SESSIONS:
            made.provider_names[name] = 'isp1'
            made.link(name)
        made.sysctl('sysctl.d/60-multihome.conf')
        made.nftables()
        made.addresses = {name: [] for name in SESSIONS}
        yield made


@pytest.fixture(scope='module', params=PHASES)
def phase(site, request):
    """Before, during and after a session's loss."""
    down, way = PHASES[request.param]
    back = [name for name in SESSIONS if not site.is_up(name) and name not in down]
    site.enter(down, way)
    for name in back:
        site.addresses[name].append(site.local(name))
    site.keep_open(4, ['session1'], {name: 80 for name in SESSIONS})
    return request.param


@pytest.fixture
def live(site, phase):
    return [name for name in SESSIONS if site.is_up(name)]


def test_both_have_one_gateway(site, live):
    """And it is reached from each session's address by that session."""
    for name in live:
        addr = ip_json('-4', 'addr', 'show', 'dev', name)[0]['addr_info'][0]
        assert addr['address'] == '100.64.1.1'
        way = ip_json('route', 'get', '100.64.1.1', 'from', site.local(name))[0]
        assert way['dev'] == name


def test_addresses_change(site, phase):
    """Every connection has had another one, and this and the like of it follows: see the rest."""
    for name, seen in site.addresses.items():
        assert len(set(seen)) == len(seen)
    if phase == 'session1-back':
        assert sum(len(seen) for seen in site.addresses.values()) >= 4
    rules = ip('rule', 'show')
    for seen in site.addresses.values():
        for old in seen[:-1]:
            assert f'from {old} ' not in rules


@pytest.mark.parametrize('protocol', ['tcp', 'udp'])
def test_users_traffic_goes_by_the_second(site, live, protocol):
    """While it is up, else by the first."""
    for n in range(4):
        assert site.goes_by(live[-1], protocol, f'198.18.70.{n}', 443, uid=USER)


@pytest.mark.needs('session1')
@pytest.mark.parametrize('protocol', ['tcp', 'udp'])
@pytest.mark.parametrize('netns', [None, 'lan'], ids=['host', 'lan'])
def test_others_traffic_goes_by_the_first(site, live, protocol, netns):
    for n in range(4):
        assert site.goes_by('session1', protocol, f'198.18.71.{n}', 443, netns=netns)


def test_marked_port_goes_by_the_second(site, live):
    for n in range(4):
        way = site.way('tcp', f'198.18.72.{n}', 873, uid=USER if live == ['session2'] else None)
        assert way == situations.Way([live[-1]], site.local(live[-1]))


@pytest.mark.parametrize('protocol', ['tcp', 'udp'])
def test_marked_lan_host_goes_by_the_second(site, live, protocol):
    for n in range(4):
        assert site.goes_by(live[-1], protocol, f'198.18.73.{n}', 443, netns='lan',
                            bind='192.168.7.20')


@pytest.mark.parametrize('protocol, port', [('tcp', 22), ('udp', 53), ('ping', 0)])
def test_host_answers_by_the_session_that_was_asked(site, live, protocol, port):
    for name in live:
        for _ in range(4):
            assert site.answered(protocol, site.local(name), port) == [name]


@pytest.mark.parametrize('protocol, port', [('tcp', 80), ('udp', 443)])
def test_lan_answers_by_the_session_that_was_asked(site, live, protocol, port):
    for name in live:
        for _ in range(4):
            assert site.answered(protocol, site.local(name), port, at='lan') == [name]


@pytest.mark.parametrize('from_outside', [False, True], ids=['to-outside', 'from-outside'])
def test_open_connections_go_on(site, live, from_outside):
    """Those over each session that was there all the time, while the other comes and goes."""
    stopped, n = site.that_stop(from_outside)
    assert stopped == []
    assert n == (len(live) if from_outside else 4 if 'session1' in live else 0)


def test_the_second_has_no_share(site, live):
    assert group_members() == ({'session1': 1} if 'session1' in live else {})


def test_the_provider_saw_no_foreign_source(site, phase):
    assert site.dropped() == {'isp1': 0}
