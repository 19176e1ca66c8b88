# SPDX-License-Identifier: LGPL-2.1-or-later
"""A fixed address for servers, beside a router: examples/fixed-address-for-servers.

Both ways round: the router is the default, or the line is.

The line is PPPoE and always has the same address; the router, with NAT, is another namespace.
"""

import os
import signal
import subprocess

import pytest

import situations
from lab import group_members, ip, run
from situations import Way

FIXED = '100.64.2.10'
HOME = '192.168.1.2'  # the host's address on the router's LAN
ROUTER = '100.64.1.2'  # the router's on the Internet; it forwards services to the host
# name: variant, links that are down, how they go
PHASES = {
    'router-default-all-up': ('router-default', (), None),
    'router-default-line-died': ('router-default', ('fixed',), signal.SIGKILL),
    'router-default-line-back': ('router-default', (), None),
    'line-default-all-up': ('line-default', (), None),
    'line-default-line-ended': ('line-default', ('fixed',), signal.SIGTERM),
    'line-default-line-back': ('line-default', (), None),
    'line-default-no-router': ('line-default', ('eth1',), None),
    'line-default-router-back': ('line-default', (), None),
}


def make_router(site):
    made = site.lab.namespace('router')
    run('ip', '-batch', '-', stdin=f'''
        link add eth1 type veth peer name lan0 netns router
        addr add {HOME}/24 dev eth1
        link set eth1 up
        ''')
    ip('link', 'add', 'wan', 'netns', 'router', 'type', 'veth', 'peer', 'name', 'home', 'netns',
       'isp1')
    run('ip', '-n', 'isp1', '-batch', '-', stdin=f'''
        addr add 100.64.1.1 peer {ROUTER} dev home
        link set home up
        ''')
    run('ip', '-n', 'router', '-batch', '-', stdin=f'''
        addr add 192.168.1.1/24 dev lan0
        link set lan0 up
        addr add {ROUTER} peer 100.64.1.1 dev wan
        link set wan up
        route add default via 100.64.1.1
        route add {FIXED} via {HOME}
        ''')
    run('sysctl', '-q', '-w', 'net.ipv4.ip_forward=1', netns='router')
    run('nft', '-f', '-', netns='router', stdin=f'''
        table ip nat {{
            chain prerouting {{
                type nat hook prerouting priority dstnat;
                iifname wan tcp dport 22 dnat to {HOME}
                iifname wan udp dport 53 dnat to {HOME}
            }}
            chain postrouting {{
                type nat hook postrouting priority srcnat;
                oifname wan masquerade
            }}
        }}''')
    return made


class Dhcp:
    """What a DHCP client does on the host: a default route of its own, and the example's hook."""

    def __init__(self, site):
        self.hook = site.install('line-default/multihome-dhcp-hook',
                                 '/etc/dhcp/dhclient-exit-hooks.d/multihome')

    def tell(self, reason):
        subprocess.run(['/bin/sh', '-e', '-c', f'. {self.hook}'], check=True, env={
            **os.environ, 'reason': reason, 'interface': 'eth1', 'new_ip_address': HOME,
            'new_routers': '192.168.1.1'})

    def bound(self):
        """With a metric, as dhcpcd gives one, and ifupdown's option to dhclient."""
        ip('route', 'replace', 'default', 'via', '192.168.1.1', 'dev', 'eth1', 'metric', '1003')
        self.tell('BOUND')

    def expired(self):
        self.tell('EXPIRE')
        ip('route', 'del', 'default', 'metric', '1003', check=False)


@pytest.fixture(scope='module')
def site(build, world, tmp_path_factory):
    folder = tmp_path_factory.mktemp('situation')
    with situations.site(build, world, folder, 'fixed-address-for-servers') as made:
        made.lab.provider(1)
        make_router(made)
        made.rename(made.lab.provider(2).serve_pppoe(sessions=1), 'eth2')
        made.provider_names['fixed'] = 'isp2'
        made.other_uplinks = ['eth1']
        made.install('rt_tables.d/multihome.conf', '/etc/iproute2/rt_tables.d/multihome.conf')
        made.dhcp = Dhcp(made)
        made.variant = None
        made.joined = False
        yield made
        made.dhcp.expired()
        run('ip', '-batch', '-', check=False, stdin='link del eth1\n')
        ip('link', 'del', 'home', netns='isp1', check=False)


def set_up(site, variant):
    """The host as the page says for this variant, with nothing up yet."""
    if site.links and site.is_up('fixed'):
        site.lose('fixed', signal.SIGTERM)
    site.variant = variant
    site.link('fixed', f'{variant}/peers/fixed')
    if variant == 'router-default':
        ip('route', 'replace', 'default', 'via', '192.168.1.1', 'dev', 'eth1')
    else:
        ip('route', 'del', 'default', 'via', '192.168.1.1', check=False)


@pytest.fixture(scope='module', params=PHASES)
def phase(site, request):
    """Before, during and after a link's loss."""
    variant, down, way = PHASES[request.param]
    if variant != site.variant:
        set_up(site, variant)
    site.enter([name for name in down if name != 'eth1'], way)
    joined = variant == 'line-default' and 'eth1' not in down
    if joined != site.joined:
        site.dhcp.bound() if joined else site.dhcp.expired()
        site.joined = joined
    return request.param


def first(site):
    """By which link, and with which address, the Internet is reached."""
    if site.is_up('fixed') and site.variant == 'line-default':
        return ['fixed'], FIXED
    return ['eth1'], ROUTER


@pytest.mark.needs('fixed')
@pytest.mark.parametrize('protocol, port', [('tcp', 25), ('tcp', 53), ('udp', 53), ('ping', 0)])
def test_servers_answer_by_the_line(site, phase, protocol, port):
    assert site.local('fixed') == FIXED
    for _ in range(4):
        assert site.answered(protocol, FIXED, port) == ['fixed']


@pytest.mark.needs('eth1')
@pytest.mark.parametrize('protocol, port', [('tcp', 22), ('udp', 53)])
def test_what_the_router_forwards_is_answered_by_the_router(site, phase, protocol, port):
    for _ in range(4):
        assert site.answered(protocol, ROUTER, port, source=HOME) == ['eth1']


@pytest.mark.parametrize('protocol', ['tcp', 'udp'])
def test_new_connections_go_by_the_default(site, phase, protocol):
    """The router's in one variant, the line's in the other, whose place the router takes."""
    for n in range(4):
        assert site.way(protocol, f'198.18.70.{n}', 443) == Way(*first(site))


@pytest.mark.needs('fixed')
@pytest.mark.parametrize('protocol', ['tcp', 'udp'])
def test_bound_to_the_fixed_address(site, phase, protocol):
    """The mail server's own mail, for one."""
    for n in range(4):
        assert site.way(protocol, f'198.18.71.{n}', 25, bind=FIXED) == Way(['fixed'], FIXED)


@pytest.mark.parametrize('address', [pytest.param('fixed', marks=pytest.mark.needs('fixed')),
                                     'home', None])
def test_the_lan_is_reached_from_both_addresses(site, phase, address):
    """By eth1, whatever is the default."""
    bind = {'fixed': FIXED, 'home': HOME, None: None}[address]
    assert site.way('tcp', '192.168.1.1', 631, bind=bind, at='router') == \
        Way(['eth1'], bind or HOME)


def test_defaults_of_ours(site, phase):
    """In one variant there is none, in the other two tiers."""
    line = site.variant == 'line-default' and site.is_up('fixed')
    assert group_members() == ({'fixed': 1} if line else {})
    assert group_members(metric=100) == ({'eth1': 1} if site.joined else {})


def test_no_provider_saw_a_foreign_source(site, phase):
    assert site.dropped() == {'isp1': 0, 'isp2': 0}
