# SPDX-License-Identifier: LGPL-2.1-or-later
"""Peers that mean ill: the host, its LAN and its other links go on as if they were not.

The hostile peer is ppppeer.py, which assigns what it is told and renegotiates at will; what it does
to its own link is its affair.
"""

import os
import re
import time

import pytest

from lab import (assert_unchanged, finish, foreign, group_members, ip, masquerade, ours, run,
                 sysctl, until, SERVER)
from test_links import Scripted, reaches_server
from test_trouble import said


class Host:
    """A host with a LAN, and isp2 up; isp1's peer is the hostile one."""

    def __init__(self, lab):
        self.lab = lab
        lab.lan()
        sysctl('net.ipv6.conf.eth-lan.disable_ipv6', 1)  # its routes come when they like
        masquerade()
        self.two = lab.pty(lab.provider(2), 'isp2', lab.provider(2).address(10)).up()
        self.before = ours(), ours('-6'), foreign()

    def state(self):
        return ours(), ours('-6'), foreign()

    def assert_works(self):
        """The host, its LAN and what is on it reach one another and the Internet."""
        assert reaches_server(self.two.local())
        run('ping', '-q', '-c', '1', '-W', '30', SERVER, netns='lan')
        for source, to in ('127.0.0.1', '127.0.0.1'), ('192.168.7.1', '192.168.7.2'):
            run('ping', '-q', '-c', '1', '-W', '30', '-I', source, to)
        run('ping', '-q', '-c', '1', '-W', '30', '192.168.7.1', netns='lan')


def negotiated(peer):
    """pppd has set the address, or given up."""
    def is_over():
        return re.search(r'multihome: isp1|Could not determine local|Interface configuration failed|'
                         r'Bad local|CIFADDR|Connection terminated|Modem hangup', peer.link.log())
    return until('the hostile address is negotiated', is_over)


# 0.0.0.0 is no address for pppd either; the kernel refuses multicast, and some of class E.
@pytest.mark.parametrize('address', ['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.8.8.8', '224.0.0.1',
                                     '240.0.0.1', '255.255.255.255'])
def test_address_that_no_host_can_have(lab, address):
    """No rule, no table, no share: not a packet goes by such a link, and one line says why."""
    host = Host(lab)
    peer = Scripted(lab, 'isp1', address, common='noauth\nnoipv6\n')
    peer.link.start()
    negotiated(peer)
    time.sleep(1)
    lines = [line for line in peer.link.log().splitlines() if 'multihome: ' in line]
    print(address, lines or peer.link.log().splitlines()[-3:])
    ours_now, ours6, _ = host.state()
    assert (ours_now, ours6) == host.before[:2]
    assert group_members() == {'isp2': 1}
    if f'local  IP address {address}' in peer.link.log():
        assert len(lines) == 1
        assert f'isp1: address {address} can be no host\'s: no IPv4 traffic goes by the link' in \
            lines[0]
    host.assert_works()
    if peer.link.process.poll() is None:
        peer.link.stop()
    assert host.state() == host.before


def test_address_of_the_lan(lab):
    """This host's own on the LAN: packets from it stay where they are, and the LAN is reached."""
    host = Host(lab)
    peer = Scripted(lab, 'isp1', '192.168.7.1', common='noauth\nnoipv6\n')
    peer.link.start()
    peer.link.wait_log('multihome: ')
    line = said(peer.link, 'multihome: ')
    assert 'address 192.168.7.1 is that of this host on eth-lan' in line
    assert 'multihome-source' in line and 'trying again' in line
    assert ours() == host.before[0]
    host.assert_works()
    peer.link.stop()
    assert host.state() == host.before


def test_address_of_the_lan_that_is_meant(lab):
    """A link that borrows an address of the routed prefix on the LAN, as its owner says."""
    host = Host(lab)
    peer = Scripted(lab, 'isp1', '192.168.7.1', common='noauth\nnoipv6\n',
                    extra='multihome-source 192.168.7.1\n')
    peer.link.up()
    assert 'from 192.168.7.1 lookup' in '\n'.join(ours())
    assert group_members() == {'isp1': 1, 'isp2': 1}
    run('ping', '-q', '-c', '1', '-W', '30', '-I', '192.168.7.1', '192.168.7.2')
    peer.link.stop()
    assert host.state() == host.before


def test_address_of_the_other_link(lab):
    """Packets from it go on to leave by the link that had it first, and so does its traffic."""
    host = Host(lab)
    peer = Scripted(lab, 'isp1', '100.64.2.10', common='noauth\nnoipv6\n',
                    extra='multihome-weight 0\n')
    peer.link.up()
    said(peer.link, 'is also that of isp2')
    host.assert_works()
    mark = peer.link.mark()
    peer.say('ipcp-renew 10.99.0.2')
    peer.link.wait_up(mark)
    mark = peer.link.mark()
    peer.say('ipcp-renew 100.64.2.10')
    peer.link.wait_up(mark)
    assert reaches_server('100.64.2.10')
    peer.link.stop()
    host.assert_works()
    assert host.state() == host.before


@pytest.mark.parametrize('local, remote', [
    ('100.64.2.1', '10.99.0.1'), ('10.99.0.2', '10.99.0.2'), ('10.99.0.2', '100.64.2.10'),
    ('10.99.0.2', '192.168.7.2')], ids=['gateway of isp2 as ours', 'both the same',
                                        'address of isp2 as peer', 'host of the LAN as peer'])
def test_other_odd_addresses(lab, local, remote):
    """What pppd lets pass of these harms neither the other link nor the LAN.

    But for a peer that is a host of the LAN: pppd itself makes a route to it. That goes with it.
    """
    host = Host(lab)
    peer = Scripted(lab, 'isp1', local, peer=remote, common='noauth\nnoipv6\n',
                    extra='multihome-weight 0\n')
    peer.link.start()
    negotiated(peer)
    assert group_members() == {'isp2': 1}
    assert reaches_server(host.two.local())
    if remote != '192.168.7.2':
        host.assert_works()
    if peer.link.process.poll() is None:
        peer.link.stop()
    host.assert_works()
    assert host.state() == host.before


def descriptors(link):
    return len(os.listdir(f'/proc/{link.process.pid}/fd'))


def memory(link):
    """Private memory of its pppd, KiB."""
    with open(f'/proc/{link.process.pid}/smaps_rollup') as f:
        return sum(int(line.split()[1]) for line in f if line.startswith('Private_'))


def settled(link, mark):
    """The log's lines of a storm, once it says nothing more; pppd repeats itself after 3 s."""
    def is_quiet():
        before = link.mark()
        time.sleep(3.5)
        return link.mark() == before
    until('the storm is over', is_quiet, 120)
    return link.since(mark).splitlines()


@pytest.mark.parametrize('protocol', ['ipcp', 'ipv6cp'])
def test_renegotiation_without_end(lab, protocol):
    """A hundred times a second: no packet of the other link is lost, and nothing piles up."""
    before = foreign()
    two = lab.pty(lab.provider(2), 'isp2', lab.provider(2).address(10)).up()
    peer = Scripted(lab, 'isp1', '10.99.0.2', common='noauth\nnovj\n10.99.0.2:\n')
    peer.link.up()
    until('IPv6CP is up', lambda: 'inet6 fe80' in ip('-6', 'addr', 'show', 'dev', 'isp1'))
    settled(peer.link, 0)
    state = ours(), ours('-6')
    counter = lab.counter()
    stream = lab.stream('-s', two.local(), '-r', 200, '-n', 10 ** 6)
    figures = []
    for _ in range(2):
        mark = peer.link.mark()
        peer.say(f'{protocol}-storm 100 4')
        lines = settled(peer.link, mark)
        ours_too = [line for line in lines if 'multihome: ' in line]
        word = 'local  IP address' if protocol == 'ipcp' else 'local  LL address'
        times = sum(word in line for line in lines)
        print(f'{protocol}: {times} negotiations, {len(lines)} lines of log, '
              f'{len(ours_too)} of them ours, {memory(peer.link)} KiB')
        assert times > 2, 'as many as the machine can'
        assert len(ours_too) <= 2 * times + 2, 'as many as pppd\'s own'
        until('all is as before the storm', lambda: (ours(), ours('-6')) == state)
        figures.append((descriptors(peer.link), memory(peer.link)))
    sent = finish(stream)
    seen = counter.settle(sent['sent'])
    print(f'{sent["sent"]} packets by isp2, {sent["sent"] - seen["received"]} lost')
    assert sent['refused'] == 0 and seen['received'] == sent['sent'] > 500
    assert figures[1][0] == figures[0][0]
    assert figures[1][1] - figures[0][1] < 256
    assert peer.link.process.poll() is None
    peer.link.stop()
    two.stop()
    assert_unchanged(before)
