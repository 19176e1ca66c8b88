# SPDX-License-Identifier: LGPL-2.1-or-later
"""multihome weight LINK 0: new flows go by other links, and those that are there stay.

On the host of examples/two-adsl-and-vpn, with its nftables.conf and what its peers files ask of
multihome, over pseudo-terminals, which lose no packet by themselves. Flows of the host and, through
NAT, of the LAN go on all the time; what is seen of them, and of new ones, after each command is
what the tests are about.
"""

import collections
import subprocess
import time

import pytest

import situations
from lab import finish, group_members, run

FLOWS = 100
RATE = 200
NEW = 500
ENDS = {'host': (None, 4000, '198.18.4.0'), 'lan': ('lan', 4001, '198.18.5.0')}
ISP1, ISP2 = '100.64.1.10', '100.64.2.10'
BY = {ISP1: 'isp1', ISP2: 'isp2'}


def names(flows):
    return {BY.get(address, address): n for address, n in flows.items()}


class Flows:
    """Active UDP flows, counted at the other end."""

    def __init__(self, lab, netns, port, base):
        self.counter = lab.counter(port=port)
        self.stream = lab.stream('-f', FLOWS, '-r', RATE, '-n', 10 ** 7, netns=netns, to=base,
                                 port=port)
        self.received = self.moved = 0

    def count(self, seen):
        self.received += seen['received']
        self.moved += seen['moved']
        return names(seen['flows'])

    def ways(self):
        """Number of flows by link, of packets from now on."""
        pause = 1
        while True:
            self.count(self.counter.read())
            time.sleep(pause)
            ways = self.count(self.counter.read())
            if sum(ways.values()) == FLOWS:
                return ways
            pause *= 2
            assert pause < 60, f'not all flows go on: {ways}'

    def finish(self):
        sent = finish(self.stream)
        self.count(self.counter.settle(sent['sent'] - self.received))
        return {'sent': sent['sent'], 'lost': sent['sent'] - self.received, 'moved': self.moved}


class Host:
    """The host, and what it does while links are drained."""

    def __init__(self, site):
        self.site, self.lab = site, site.lab
        self.counter = self.lab.counter(port=4002)
        self.flows = {end: Flows(self.lab, *how) for end, how in ENDS.items()}
        self.talks = {end: self.talk(netns) for end, (netns, _, _) in ENDS.items()}
        self.bases = iter(range(64, 250, 2))

    def talk(self, netns):
        """TCP connections, 4 by each link."""
        kept = collections.defaultdict(list)
        for _ in range(1000):
            made = self.site.open(netns=netns)
            if len(kept[made.link]) < 4:
                kept[made.link].append(made)
            else:
                made.close()
            if sum(map(len, kept.values())) == 8:
                return kept
        raise AssertionError('no new connection takes one of the links')

    def new_flows(self, end):
        """New flows by link."""
        sent = self.lab.send('-f', NEW, '-n', NEW, '-r', 1000, netns=ENDS[end][0], port=4002,
                             to=f'198.18.{next(self.bases)}.0')
        seen = self.counter.settle(NEW)
        assert sent['sent'] == seen['received'] == NEW
        return names(seen['flows'])

    def look(self, new=True, talking=tuple(ENDS)):
        return {
            'members': group_members(),
            'new': {end: self.new_flows(end) for end in ENDS} if new else None,
            'flows': {end: flows.ways() for end, flows in self.flows.items()},
            'stopped': {(end, link): sum(not c.goes_on() for c in self.talks[end][link])
                        for end in talking for link in ('isp1', 'isp2')},
        }


def weight(*args):
    done = subprocess.run(['multihome', 'weight', *args], capture_output=True, text=True)
    return done.returncode, done.stderr


def live(host):
    seen = {'at first': host.look(new=False)}
    assert weight('isp1', '0')[0] == 0
    seen['drained'] = host.look()
    seen['last link'] = weight('isp2', '0'), group_members()
    assert weight('isp1', '8')[0] == 0
    seen['brought back'] = host.look()
    assert weight('isp1', '0')[0] == 0
    seen['forced'] = weight('isp2', '0', '--force')
    # Not what the LAN receives: reverse path filtering, also loose, drops it where no route at all
    # leads back.
    seen['all drained'] = host.look(new=False, talking=['host'])
    seen['defaults'] = run('ip', 'route', 'show', 'default')
    seen['answers'] = {(name, protocol): host.site.answered(protocol, host.site.local(name), port)
                       for name in ('isp1', 'isp2')
                       for protocol, port in (('tcp', 22), ('udp', 53), ('ping', 0))}
    for name, number in ('isp1', '8'), ('isp2', '2'):
        assert weight(name, number)[0] == 0
    seen['at last'] = host.look(new=False)
    seen['account'] = {end: flows.finish() for end, flows in host.flows.items()}
    seen['foreign'] = host.site.dropped()
    print(seen)
    return seen


@pytest.fixture(scope='module')
def seen(build, world, tmp_path_factory):
    folder = tmp_path_factory.mktemp('drain')
    with situations.site(build, world, folder, 'two-adsl-and-vpn') as site:
        site.lan('eth0')
        site.install('rt_tables.d/multihome.conf', '/etc/iproute2/rt_tables.d/multihome.conf')
        site.sysctl('sysctl.d/60-multihome.conf')
        site.nftables()
        for n in 1, 2:
            provider = site.lab.provider(n)
            asked = ''.join(line for line in site.text(f'peers/isp{n}').splitlines(True)
                            if line.startswith('multihome-'))
            site.links[f'isp{n}'] = site.lab.pty(provider, f'isp{n}', provider.address(10), asked)
        site.start('isp1', 'isp2')
        host = Host(site)
        try:
            yield live(host)
        finally:
            for kept in host.talks.values():
                for c in kept['isp1'] + kept['isp2']:
                    c.close()


EVERYBODY = pytest.mark.parametrize('end', ENDS)
AT_ALL_TIMES = pytest.mark.parametrize('when', ['drained', 'brought back', 'all drained',
                                                'at last'])


@EVERYBODY
def test_flows_take_both_links_at_first(seen, end):
    assert set(seen['at first']['flows'][end]) == {'isp1', 'isp2'}


@EVERYBODY
def test_no_new_flow_takes_a_drained_link(seen, end):
    assert seen['drained']['new'][end] == {'isp2': NEW}


def test_drained_link_is_in_no_default(seen):
    assert seen['drained']['members'] == {'isp2': 2}


@AT_ALL_TIMES
@EVERYBODY
def test_established_flows_stay_with_their_links(seen, end, when):
    assert seen[when]['flows'][end] == seen['at first']['flows'][end]


@AT_ALL_TIMES
@pytest.mark.parametrize('name', ['isp1', 'isp2'])
@EVERYBODY
def test_connections_go_on(seen, end, name, when):
    assert seen[when]['stopped'].get((end, name), 0) == 0


def test_last_link_is_not_drained(seen):
    (status, said), members = seen['last link']
    assert status == 1 and 'isp2: it is the last link' in said
    assert members == {'isp2': 2}


@EVERYBODY
def test_new_flows_take_a_link_that_was_drained(seen, end):
    """At least two thirds of its share: a bucket that carries a flow stays where it is."""
    assert seen['brought back']['members'] == {'isp1': 8, 'isp2': 2}
    assert seen['brought back']['new'][end]['isp1'] >= 0.8 * NEW * 2 / 3


def test_no_default_is_left_when_all_are_drained(seen):
    assert seen['forced'][0] == 0
    assert seen['all drained']['members'] == {} and seen['defaults'] == ''


@pytest.mark.parametrize('protocol', ['tcp', 'udp', 'ping'])
@pytest.mark.parametrize('name', ['isp1', 'isp2'])
def test_drained_links_answer(seen, name, protocol):
    assert seen['answers'][name, protocol] == [name]


@EVERYBODY
def test_no_packet_is_lost_and_no_flow_moved(seen, end):
    account = seen['account'][end]
    assert account['lost'] == account['moved'] == 0 and account['sent'] > 1000


def test_no_packet_bears_the_address_of_another_link(seen):
    assert seen['foreign'] == {'isp1': 0, 'isp2': 0}
