# SPDX-License-Identifier: LGPL-2.1-or-later
"""With usepeerdns a provider's name servers are asked by that provider's link.

Each provider has one that answers its own customers alone; a public one answers everybody.
"""

import contextlib
import socket

import pytest

from lab import ip, ours
from situations import within

SHARED = '198.18.200.53'  # a public server, which both hand out
HOSTS = {1: '10.255.101.53', 2: '10.255.102.53'}  # no route but the default leads there


class NameServer:
    """Answers, like a provider's: its name and the question; and only customers'."""

    def __init__(self, netns, address, name, customers=''):
        self.name, self.customers = name, customers
        ip('addr', 'add', f'{address}/32', 'dev', 'lo', netns=netns)
        self.netns, self.address = netns, address
        with within(netns):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.bind((address, 53))
        self.socket.settimeout(5)

    def serve(self):
        """The address that asked. It has an answer if it is a customer's."""
        data, source = self.socket.recvfrom(512)
        if source[0].startswith(self.customers):
            self.socket.sendto(data + self.name.encode(), source)
        return source[0]

    def close(self):
        self.socket.close()
        ip('addr', 'del', f'{self.address}/32', 'dev', 'lo', netns=self.netns)


def ask(server, source=None):
    """Asks it. Returns the source that it saw, None where it gave no answer or saw nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
        near.settimeout(5)
        if source:
            near.bind((source, 0))
        near.sendto(b'who?', (server.address, 53))
        try:
            seen = server.serve()
            return seen if near.recv(512) == b'who?' + server.name.encode() else None
        except TimeoutError:
            return None


@pytest.fixture
def servers(lab):
    """{1: provider 1's, 2: provider 2's, 0: the public one}"""
    with contextlib.ExitStack() as stack:
        made = {n: NameServer(f'isp{n}', HOSTS[n], f'isp{n}', f'100.64.{n}.') for n in HOSTS}
        made[0] = NameServer('inet', '198.18.200.53', 'public')
        for server in made.values():
            stack.callback(server.close)
            server.socket.settimeout(5)
        yield made


def link(lab, n, dns=(), extra='', more='usepeerdns\n', kind='pty'):
    provider = lab.provider(n)
    peer = ' '.join(f'ms-dns {address}' for address in dns)
    common = f'noauth\nlcp-echo-interval 0\nnoipv6\n{more}'
    if kind == 'pppoe':
        made = lab.pppoe(provider, extra=extra, common=common)
        provider.serve_pppoe(options=peer.replace(' ms', '\nms') + '\n')
        return made
    return lab.pty(provider, provider.name, provider.address(10), extra, common=common, peer=peer)


def dns_rules():
    return [line for line in ours() if line.startswith('rule 1400')]


@pytest.mark.parametrize('kind', ['pppoe', 'pty'])
def test_each_providers_server_is_asked_by_its_link(lab, servers, kind):
    """The default goes by one alone, so it is no luck; when a link is gone so is what led there."""
    one = link(lab, 1, [HOSTS[1]], 'multihome-weight 1\n', kind=kind).up()
    two = link(lab, 2, [HOSTS[2]], 'multihome-weight 0\n', kind=kind).up()
    assert ask(servers[1]) == one.local() and ask(servers[2]) == two.local()
    one.stop()
    assert ask(servers[2]) == two.local()
    one.up()
    two.stop()
    assert ask(servers[1]) == one.local()
    assert dns_rules() == [f'rule 1400: from all to {HOSTS[1]} lookup 77001']


def test_both_servers_of_a_provider(lab, servers):
    one = link(lab, 1, [HOSTS[1], SHARED], 'multihome-weight 0\n').up()
    assert ask(servers[1]) == one.local() and ask(servers[0]) == one.local()


def test_one_server_of_two_providers(lab, servers):
    """By the link that came first, at once by the other when that is gone; and by its own, asked
    from a link's address."""
    one = link(lab, 1, [SHARED], 'multihome-weight 0\n').up()
    two = link(lab, 2, [SHARED], 'multihome-weight 0\n').up()
    assert ask(servers[0]) == one.local()
    assert ask(servers[0], one.local()) == one.local()
    assert ask(servers[0], two.local()) == two.local()
    one.kill()
    assert ask(servers[0]) == two.local()
    one.up()
    two.stop()
    assert ask(servers[0]) == one.local()
    assert (lab.providers[0].foreign(), lab.providers[1].foreign()) == (0, 0)


def test_without_usepeerdns_nothing_is_taken(lab, servers):
    link(lab, 1, [HOSTS[1]], more='').up()
    assert dns_rules() == []


def test_another_server_at_every_connection(lab, servers):
    """Those of the last connection go, and what the owner says stays."""
    common = 'persist\nholdoff 0\nmaxfail 0\nusepeerdns\n'
    one = link(lab, 1, [], 'multihome-route 203.0.113.7/32\nmultihome-weight 0\n', more=common)
    path = f'{lab.folder}/peer-options'
    one.options = one.options.replace(' noauth nodefaultroute', f' file {path} noauth '
                                      'nodefaultroute').replace('ifname c-isp1 ', '')
    one.write()
    owners = 'rule 1400: from all to 203.0.113.7 lookup 77001'
    for n, text in enumerate(['ms-dns 198.18.0.53\nms-dns 198.18.1.53', 'ms-dns 198.18.2.53',
                              'ms-dns 203.0.113.7\nms-dns 198.18.2.53', '', 'ms-dns 198.18.0.53']):
        with open(path, 'w') as f:
            f.write(text + '\n')
        mark = one.mark()
        if n == 0:
            one.start()
        else:
            one.tell(1)  # SIGHUP: hang up and dial again
        one.wait_up(mark)
        expected = {owners} | {f'rule 1400: from all to {line.split()[1]} lookup 77001'
                               for line in text.splitlines()}
        rules = dns_rules()
        assert set(rules) == expected and len(rules) == len(expected)
    one.stop()
    assert dns_rules() == []


@pytest.mark.parametrize('address', ['127.0.0.1', '224.0.0.251', '255.255.255.255', '0.0.0.53',
                                     '100.64.1.10'])
def test_addresses_that_no_server_has(lab, address):
    """Each is named in the log; the other server of the same peer is taken, and the link works."""
    one = link(lab, 1, [address, SHARED]).up()
    assert dns_rules() == [f'rule 1400: from all to {SHARED} lookup 77001']
    assert one.log().count(f'name server {address} ignored') == 1


def test_a_peer_cannot_take_what_is_the_owners(lab):
    """A server that a provider names in the LAN, or that the owner has by another link, stays."""
    lab.lan()
    one = link(lab, 1, ['192.168.7.2', SHARED], 'multihome-weight 1\n').up()
    two = link(lab, 2, [], 'multihome-weight 1\n'
               f'multihome-rule "to {SHARED}"\n').up()
    assert 'eth-lan' in ip('route', 'get', '192.168.7.2')
    assert 'isp2' in ip('route', 'get', SHARED)
    assert one.local() and two.local()
