# SPDX-License-Identifier: LGPL-2.1-or-later
"""An Ethernet by DHCP beside a PPP link: examples/ethernet-by-dhcp, with the clients of Debian.

Each client goes once through a lease's life, and what is seen after each event is what the tests
are about.
"""

import json
import os
import shutil
import subprocess

import pytest

from lab import Lab, assert_unchanged, foreign, ip, run, until

EXAMPLE = os.path.join(os.path.dirname(__file__), '../../examples/ethernet-by-dhcp')
FLOWS = 200
ADDRESS, OTHER_ADDRESS = '100.64.1.10', '100.64.1.11'
SERVER, GATEWAY, OTHER_GATEWAY = '100.64.1.1', '100.64.1.2', '100.64.1.3'


class Dnsmasq:
    """The provider's: a lease is renewed every few seconds, and what is given can be changed."""

    def __init__(self, lab, provider):
        self.folder, self.name = lab.folder, provider.name
        with open('/sys/class/net/eth1/address') as f:
            self.mac = f.read().strip()
        self.gives(ADDRESS, f'option:router,{GATEWAY}')
        self.log = open(f'{self.folder}/dnsmasq.log', 'w')
        self.process = subprocess.Popen(
            ['nsenter', f'--net=/run/netns/{self.name}', 'dnsmasq', '-k', '-p', '0', '-C',
             '/dev/null', '-i', 'lan', '--bind-interfaces', '--dhcp-authoritative', '--user=root',
             '--dhcp-range', f'{ADDRESS},static,255.255.255.128,120', '--log-facility=-',
             f'--dhcp-hostsfile={self.folder}/hosts', f'--dhcp-optsfile={self.folder}/options',
             f'--dhcp-leasefile={self.folder}/leases', '--pid-file'],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        lab.helpers.append(self.process)
        until('dnsmasq serves', lambda: 'DHCP, sockets bound' in self.said())

    def said(self):
        with open(self.log.name) as f:
            return f.read()

    def gives(self, address, *options):
        with open(f'{self.folder}/hosts', 'w') as f:
            f.write(f'{self.mac},{address}\n')
        with open(f'{self.folder}/options', 'w') as f:
            f.write('\n'.join([*options, 'option:T1,2', 'option:T2,4', '']))

    def changes(self, *what):
        self.gives(*what)
        run('kill', '-HUP', str(self.process.pid))

    def renewed(self):
        """The lease is renewed, and the client is through with it: it asks once more."""
        before = self.said().count('DHCPACK')
        until('the lease is renewed twice', lambda: self.said().count('DHCPACK') >= before + 2)


class Dhclient:
    def __init__(self, lab):
        self.lab = lab
        self.files = ['-lf', f'{lab.folder}/leases.eth1', '-pf', f'{lab.folder}/dhclient.pid']
        self.installed = []
        for when in 'enter', 'exit':
            self.installed.append(f'/etc/dhcp/dhclient-{when}-hooks.d/multihome')
            shutil.copy(f'{EXAMPLE}/dhclient-{when}-hooks.d/multihome', self.installed[-1])
        self.process = None

    def start(self):
        log = open(f'{self.lab.folder}/client.log', 'a')
        self.process = subprocess.Popen(['dhclient', '-d', *self.files, 'eth1'],
                                        stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.lab.helpers.append(self.process)

    def release(self):
        run('dhclient', '-r', *self.files, 'eth1')


class Dhcpcd:
    def __init__(self, lab):
        self.lab = lab
        self.installed = ['/etc/dhcpcd.exit-hook']
        shutil.copy(f'{EXAMPLE}/dhcpcd.exit-hook', self.installed[0])
        self.conf = f'{lab.folder}/dhcpcd.conf'
        with open(self.conf, 'w') as to, open('/etc/dhcpcd.conf') as shipped, \
                open(f'{EXAMPLE}/dhcpcd.conf') as ours_:
            to.write(shipped.read() + ours_.read())
        self.process = None

    def start(self):
        log = open(f'{self.lab.folder}/client.log', 'a')
        self.process = subprocess.Popen(['dhcpcd', '-B', '-d', '-4', '-A', '-f', self.conf, 'eth1'],
                                        stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.lab.helpers.append(self.process)

    def release(self):
        run('dhcpcd', '-4', '-f', self.conf, '-k', 'eth1', check=False)
        self.process.wait(60)


class Story:
    """What was seen, by the name of the event."""

    def __init__(self, lab, counter):
        self.lab, self.counter, self.events = lab, counter, {}

    def note(self, event):
        # To others than before: where a flow was active of late, the next like it goes, too.
        sent = self.lab.send('-f', FLOWS, '-n', FLOWS, '-r', 2000,
                             to=f'198.18.{10 + len(self.events)}.0')
        seen = self.counter.settle(FLOWS)
        self.events[event] = {
            'link': link('eth1'),
            'rules': [line.split(':\t')[1] for line in ip('rule', 'show').splitlines()
                      if 'from 100.64.1.' in line],
            'table': [line.split(' proto')[0]
                      for line in ip('route', 'show', 'table', '77002').splitlines()],
            'defaults': [line.split(' proto')[0]
                         for line in ip('route', 'show', 'default').splitlines()
                         if line.startswith('default')],
            'classless': ip('route', 'show', '10.1.0.0/16'),
            'lost': sent['sent'] - seen['received'],
            'sources': seen['sources'],
        }


def link(name):
    out = run('multihome', 'status', '--json')
    return next((one for one in json.loads(out)['links'] if one['ifname'] == name), None)


def has(name, key, value):
    found = link(name)
    return found and found['inet'] and found['inet'][key] == value


def live(lab, client):
    provider = lab.provider(1)
    run('ip', '-batch', '-', stdin='link set eth-isp1 down\nlink set eth-isp1 name eth1\n'
        'link set eth1 up\n')
    run('ip', '-n', 'isp1', '-batch', '-', stdin=''.join(
        f'addr add {addr}/25 dev lan\n' for addr in (SERVER, GATEWAY, OTHER_GATEWAY)))
    server = Dnsmasq(lab, provider)
    lab.pty(lab.provider(2), 'isp2', lab.provider(2).address(10), 'multihome-weight 2\n').up()
    story = Story(lab, lab.counter())

    client.start()
    until('a link by DHCP', lambda: has('eth1', 'gateway', GATEWAY))
    story.note('bound')

    ip('addr', 'del', f'{GATEWAY}/25', 'dev', 'lan', netns='isp1')
    server.changes(ADDRESS, f'option:router,{OTHER_GATEWAY}')
    until('it has the other gateway', lambda: has('eth1', 'gateway', OTHER_GATEWAY))
    story.note('other gateway')

    run('multihome', 'weight', 'eth1', '0')
    server.renewed()
    story.note('renewed while drained')

    ip('addr', 'add', f'{GATEWAY}/25', 'dev', 'lan', netns='isp1')
    server.changes(ADDRESS, f'option:router,{OTHER_GATEWAY}', 'option:classless-static-route,'
                   f'203.0.113.0/24,{OTHER_GATEWAY},0.0.0.0/0,{GATEWAY},10.1.0.0/16,{GATEWAY}')
    until('the gateway by option 121', lambda: has('eth1', 'gateway', GATEWAY))
    story.note('option 121 while drained')

    server.changes(OTHER_ADDRESS, f'option:router,{OTHER_GATEWAY}',
                   f'option:classless-static-route,0.0.0.0/0,{GATEWAY},10.1.0.0/16,{GATEWAY}')
    until('the other address', lambda: has('eth1', 'local', OTHER_ADDRESS))
    until("the client's own route", lambda: f'via {GATEWAY} dev eth1' in
          ip('route', 'show', '10.1.0.0/16'))
    story.note('other address')

    client.release()
    until('the link is gone', lambda: link('eth1') is None)
    story.note('released')
    return story.events


@pytest.fixture(scope='module', params=[Dhclient, Dhcpcd], ids=['dhclient', 'dhcpcd'])
def story(build, world, tmp_path_factory, request):
    lab = Lab(world, tmp_path_factory.mktemp('dhcp'), f'{build}/test/system/packets')
    before = foreign()
    client = request.param(lab)
    try:
        yield live(lab, client)
    except AssertionError as e:
        log = ''
        for name in 'client.log', 'dnsmasq.log':
            if os.path.exists(f'{lab.folder}/{name}'):
                with open(f'{lab.folder}/{name}') as f:
                    log += f.read()[-6000:]
        raise AssertionError(f'{e}\n{log}') from None
    finally:
        for path in client.installed:
            os.unlink(path)
        lab.close()
        run('ip', '-batch', '-', check=False, stdin='addr flush dev eth1\nlink set eth1 down\n'
            'link set eth1 name eth-isp1\nlink set eth-isp1 up\n')
        ip('addr', 'flush', 'dev', 'lan', 'scope', 'global', netns='isp1')
    assert_unchanged(before)


@pytest.fixture(params=['bound', 'other gateway', 'renewed while drained',
                        'option 121 while drained', 'other address', 'released'])
def event(story, request):
    return request.param


@pytest.fixture
def seen(story, event):
    return story[event]


def gateway_then(event):
    return OTHER_GATEWAY if event in ('other gateway', 'renewed while drained') else GATEWAY


def address_then(event):
    return OTHER_ADDRESS if event == 'other address' else ADDRESS


def test_the_link_is_as_the_lease_says(seen, event):
    if event == 'released':
        assert seen['link'] is None
        return
    assert seen['link']['inet']['local'] == address_then(event)
    assert seen['link']['inet']['gateway'] == gateway_then(event)


def test_its_table_is(seen, event):
    assert seen['table'] == ([] if event == 'released' else
                             [f'default via {gateway_then(event)} dev eth1',
                              f'{gateway_then(event)} dev eth1'])


def test_its_rules_are(seen, event):
    """Of the address it has, and of none that it had."""
    assert seen['rules'] == ([] if event == 'released' else
                             [f'from {address_then(event)} lookup 77002 proto multihome'])


def test_the_default_is_ours_alone(seen):
    """No client makes one of its own."""
    assert len(seen['defaults']) == 1 and 'nhid' in seen['defaults'][0]


def test_other_classless_routes_are_the_clients(story):
    assert f'10.1.0.0/16 via {GATEWAY} dev eth1' in story['other address']['classless']


def test_it_has_its_share(seen, event):
    """A weight of 0 that was given by hand outlasts a renewal, also one with another gateway."""
    if event == 'released' or 'drained' in event:
        assert list(seen['sources']) == ['100.64.2.10']
        return
    assert seen['link']['inet']['weight'] == 2
    assert sorted(seen['sources']) == [address_then(event), '100.64.2.10']


def test_no_packet_is_lost(seen):
    assert seen['lost'] == 0
