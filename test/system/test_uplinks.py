# SPDX-License-Identifier: LGPL-2.1-or-later
"""Uplinks that are not PPP beside one that is: an Ethernet with a router, and a real OpenVPN.

The Ethernet is set up by examples/ethernet-gateway. What a test takes away it brings back.
"""

import json
import os
import shutil
import subprocess
import time

import pytest

from lab import (Lab, assert_unchanged, finish, foreign, group_members, ip, ours, run,
                 until)

EXAMPLE = os.path.join(os.path.dirname(__file__), '../../examples/ethernet-gateway')
ADDRESSES = {'isp2': '100.64.2.10', 'eth1': '192.0.2.2', 'tun0': '100.64.3.10'}
WEIGHTS = {'isp2': 8, 'eth1': 2, 'tun0': 1}
NEIGHBOUR = '192.0.2.20'
FAR_GATEWAY = '203.0.113.1'
FLOWS = 10000
RATE = 1000


def openvpn(lab, netns, *args):
    """One end of a tunnel without encryption, which an emulated machine is too slow for."""
    log = open(f'{lab.folder}/openvpn-{netns}.log', 'w')
    lab.helpers.append(subprocess.Popen(
        [*(['nsenter', f'--net=/run/netns/{netns}'] if netns else []), 'openvpn', '--dev', 'tun0',
         '--cipher', 'none', '--auth', 'none', *args], stdout=log, stderr=log,
        stdin=subprocess.DEVNULL))


def ethernet(lab):
    provider = lab.provider(1)
    run('ip', '-batch', '-', stdin='link set eth-isp1 down\nlink set eth-isp1 name eth1\n')
    run('ip', '-n', 'isp1', '-batch', '-', stdin=f'''
        addr add 192.0.2.1/24 dev lan
        addr add {NEIGHBOUR}/24 dev lan
        addr add {FAR_GATEWAY}/32 dev lan
        ''')
    provider.routed.append('192.0.2.0/24')
    provider.run('nft', 'add', 'element', 'inet', 'provider', 'ours', '{ 192.0.2.0/24 }')
    ip('route', 'replace', '192.0.2.0/24', 'via', '10.255.1.1', netns='inet')
    run('ifup', '-i', f'{EXAMPLE}/interfaces.d/eth1', 'eth1')


def tunnel(lab):
    lab.provider(3)
    ip('addr', 'add', '10.99.3.1/30', 'dev', 'eth-isp3')
    ip('addr', 'add', '10.99.3.2/30', 'dev', 'lan', netns='isp3')
    openvpn(lab, 'isp3', '--remote', '10.99.3.1', '--ifconfig', '100.64.3.1', '100.64.3.10')
    openvpn(lab, None, '--remote', '10.99.3.2', '--ifconfig', '100.64.3.10', '100.64.3.1')
    until('the tunnel is up', lambda: 'UP' in ip('-4', 'addr', 'show', 'dev', 'tun0', check=False))
    run('multihome', 'up', 'tun0', '--weight', '1')
    until('the tunnel passes packets', lambda: pings('100.64.3.1'))


def pings(*args):
    return ' 0% packet loss' in run('ping', '-n', '-c', '1', '-W', '5', *args, check=False)


@pytest.fixture(scope='module')
def lab(build, world, tmp_path_factory):
    before = foreign()
    made = Lab(world, tmp_path_factory.mktemp('uplinks'), f'{build}/test/system/packets')
    try:
        ethernet(made)
        tunnel(made)
        provider = made.provider(2)
        made.pty(provider, 'isp2', provider.address(10), 'multihome-weight 8\n').up()
        yield made
    finally:
        made.close()
        run('ifdown', '-i', f'{EXAMPLE}/interfaces.d/eth1', 'eth1', check=False)
        ip('addr', 'flush', 'dev', 'eth-isp3')
        run('ip', '-batch', '-', check=False, stdin='link set eth1 down\n'
            'link set eth1 name eth-isp1\nlink set eth-isp1 up\n')
        for netns in 'isp1', 'isp3':
            ip('addr', 'flush', 'dev', 'lan', 'scope', 'global', netns=netns)
    assert_unchanged(before)


def link(name):
    out = run('multihome', 'status', '--json')
    return next((one for one in json.loads(out)['links'] if one['ifname'] == name), None)


def table(name):
    return str(link(name)['inet']['table'])


class Stream:
    """Packets over the PPP link, whose objects none of what is done here touches."""

    def __init__(self, lab, port):
        self.counter = lab.counter(port=port)
        self.process = lab.stream('-s', ADDRESSES['isp2'], '-r', RATE, '-n', 10 ** 6, port=port)

    def finish(self):
        sent = finish(self.process)
        seen = self.counter.settle(sent['sent'])
        self.counter.close()
        print(f'{sent["sent"]} packets over isp2, {sent["sent"] - seen["received"]} lost')
        assert sent['refused'] == 0 and sent['sent'] >= RATE // 2
        return sent['sent'] - seen['received']


# Shares

@pytest.fixture(scope='module')
def shares(lab):
    """Of new flows that choose no address, by the address they arrive with."""
    counter = lab.counter()
    sent = lab.send('-f', FLOWS, '-n', FLOWS, '-r', 3000, to='198.18.64.0')
    seen = counter.settle(FLOWS)
    counter.close()
    print(seen['flows'])
    assert sent['sent'] == FLOWS
    return seen


@pytest.mark.parametrize('name', WEIGHTS)
def test_share_of_new_flows(shares, name):
    share = 100 * shares['flows'].get(ADDRESSES[name], 0) / FLOWS
    assert abs(share - 100 * WEIGHTS[name] / sum(WEIGHTS.values())) <= 2


def test_all_flows_arrive(shares):
    assert shares['received'] == FLOWS


def test_no_packet_bears_the_address_of_another_link(lab, shares):
    assert [provider.foreign() for provider in lab.providers] == [0, 0, 0]


# The Ethernet's own network

@pytest.mark.parametrize('name', ADDRESSES)
def test_neighbour_is_reached_directly(lab, name):
    """From each link's address: no router would pass on a packet whose time to live is 1."""
    assert pings('-t', '1', '-I', ADDRESSES[name], NEIGHBOUR)


def test_neighbour_is_reached_by_the_table_of_its_link(lab):
    """As by a rule with a mark that comes before the main table."""
    rule = 'pref', '500', 'fwmark', '5', 'lookup', table('eth1')
    ip('rule', 'add', *rule)
    try:
        assert pings('-m', '5', '-I', ADDRESSES['eth1'], NEIGHBOUR)
    finally:
        ip('rule', 'del', *rule)


@pytest.fixture(scope='module')
def far_gateway(lab):
    """What is seen while the Ethernet's router has an address of another network."""
    counter = lab.counter(port=4001)
    run('multihome', 'up', 'eth1', '--via', FAR_GATEWAY, '--weight', '2')
    sent = lab.send('-s', ADDRESSES['eth1'], '-r', RATE, '-n', RATE, port=4001)
    seen = {
        'table': ip('route', 'show', 'table', table('eth1')),
        'default': ip('route', 'show', 'default'),
        'members': group_members(),
        'lost': sent['sent'] - counter.settle(sent['sent'])['received'],
    }
    counter.close()
    run('multihome', 'up', 'eth1', '--via', '192.0.2.1', '--weight', '2')
    return seen


def test_gateway_outside_the_prefix_is_on_the_link(far_gateway):
    assert f'default via {FAR_GATEWAY} dev eth1' in far_gateway['table']


def test_gateway_outside_the_prefix_is_in_the_default(far_gateway):
    assert f'via {FAR_GATEWAY} dev eth1' in far_gateway['default']
    assert far_gateway['members'] == WEIGHTS


def test_packets_go_by_a_gateway_outside_the_prefix(far_gateway):
    assert far_gateway['lost'] == 0


# Carrier

def dispatch(state, iface='eth1'):
    subprocess.run([f'{EXAMPLE}/networkd/networkd-dispatcher'], check=True,
                   env={**os.environ, 'IFACE': iface, 'STATE': state})


def carrier(state):
    ip('link', 'set', 'lan', state, netns='isp1')


@pytest.fixture(scope='module', params=['reconcile', 'networkd-dispatcher'])
def carrier_lost(lab, request):
    """The Ethernet's carrier goes and comes back; what was seen meanwhile."""
    seen = {'before': ours()}
    stream = Stream(lab, 4002)
    carrier('down')
    until('the kernel drops the link', lambda: 'eth1' not in group_members())
    seen['default'] = group_members()
    counter = lab.counter(port=4003)
    lab.send('-f', 500, '-n', 500, '-r', RATE, to='198.18.32.0', port=4003)
    seen['new flows'] = counter.settle()
    counter.close()
    carrier('up')
    until('the carrier is back', lambda: 'state UP' in ip('link', 'show', 'dev', 'eth1'))
    if request.param == 'reconcile':
        run('multihome', 'reconcile')
    else:
        dispatch('routable')
    seen['after'] = ours()
    seen['lost'] = stream.finish()
    return seen


def test_kernel_drops_a_link_without_carrier(carrier_lost):
    assert carrier_lost['default'] == {'isp2': 8, 'tun0': 1}


def test_new_flows_go_by_the_others(carrier_lost):
    assert carrier_lost['new flows']['received'] == 500
    assert set(carrier_lost['new flows']['sources']) <= {'100.64.2.10', '100.64.3.10'}


def test_loss_of_a_carrier_costs_other_links_nothing(carrier_lost):
    assert carrier_lost['lost'] == 0


def test_link_is_back_with_its_carrier(carrier_lost):
    assert carrier_lost['after'] == carrier_lost['before']


# What others take away

FOREIGN = {
    'ip rule flush table T': ['rule', 'flush', 'table', 'T'],
    'ip route flush table T': ['route', 'flush', 'table', 'T'],
    'ip nexthop flush': ['nexthop', 'flush'],
}


@pytest.fixture(scope='module', params=FOREIGN)
def mended(lab, request):
    """Somebody flushes what is the Ethernet's, or what links share; then one reconcile."""
    words = [table('eth1') if word == 'T' else word for word in FOREIGN[request.param]]
    seen = {'before': ours()}
    stream = Stream(lab, 4004)
    ip(*words)
    seen['flushed'] = ours()
    time.sleep(0.5)
    run('multihome', 'reconcile')
    seen['after'] = ours()
    seen['left to do'] = run('multihome', 'reconcile', '--dry-run')
    seen['lost'] = stream.finish()
    return seen


def test_reconcile_mends_what_was_flushed(mended):
    assert mended['flushed'] != mended['before']
    assert mended['after'] == mended['before']


def test_one_reconcile_is_enough(mended):
    assert mended['left to do'] == ''


def test_flush_of_others_costs_an_intact_link_nothing(mended):
    assert mended['lost'] == 0


def test_reconcile_mends_a_flush_of_all_rules(lab):
    before = ours()
    ip('rule', 'flush')
    run('ip', '-batch', '-', stdin='rule add pref 32766 lookup main protocol kernel\n'
        'rule add pref 32767 lookup default protocol kernel\n')
    assert not [line for line in ours() if line.startswith('rule')]
    run('multihome', 'reconcile')
    assert ours() == before


def test_flush_and_reconcile_end_in_the_same_state(lab):
    before = ours()
    run('multihome', 'flush')
    assert ours() == []
    run('multihome', 'reconcile')
    assert ours() == before


# The hooks

def test_networkd_is_told_to_leave_alone_what_is_not_its_own(lab):
    os.makedirs('/run/systemd/netif', exist_ok=True)
    with open('/run/systemd/netif/state', 'a'):
        pass
    assert 'ManageForeign' in run('multihome', 'check', check=False)
    os.makedirs('/etc/systemd/networkd.conf.d', exist_ok=True)
    installed = '/etc/systemd/networkd.conf.d/multihome.conf'
    shutil.copy(f'{EXAMPLE}/networkd/multihome.conf', installed)
    try:
        assert 'ManageForeign' not in run('multihome', 'check', check=False)
    finally:
        os.unlink(installed)
        shutil.rmtree('/run/systemd/netif')


def test_networkd_dispatcher_takes_the_link_down_and_up(lab):
    dispatch('off')
    assert group_members() == {'isp2': 8, 'tun0': 1}
    assert link('eth1') is None
    dispatch('routable')
    assert group_members() == WEIGHTS


def test_networkd_dispatcher_hook_leaves_other_interfaces_alone(lab):
    before = ours()
    dispatch('routable', 'eth-isp2')
    dispatch('off', 'tun0')
    assert ours() == before


def test_drained_link_stays_so_when_it_is_routable_again(lab):
    run('multihome', 'weight', 'eth1', '0')
    dispatch('routable')
    assert group_members() == {'isp2': 8, 'tun0': 1}
    run('multihome', 'weight', 'eth1', '2')
    assert group_members() == WEIGHTS


def test_ifdown_takes_the_link_down(lab):
    run('ifdown', '-i', f'{EXAMPLE}/interfaces.d/eth1', 'eth1')
    assert group_members() == {'isp2': 8, 'tun0': 1}
    assert not [line for line in ours() if '192.0.2.' in line or 'eth1' in line]
    assert link('eth1') is None
    run('ifup', '-i', f'{EXAMPLE}/interfaces.d/eth1', 'eth1')
    assert group_members() == WEIGHTS
