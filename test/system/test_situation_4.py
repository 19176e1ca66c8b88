# SPDX-License-Identifier: LGPL-2.1-or-later
"""A router with PPPoE lines, a LAN, and public servers: examples/pppoe-router."""

import os
import shutil
import signal
import socket
import urllib.parse

import pytest

import situations
from lab import ip
from situations import within

LINKS = ['isp1', 'isp2']
SERVERS, SERVER = '203.0.113.8/29', '203.0.113.10'
DDNS = '198.18.240.1'
PHASES = {
    'all-up': ((), None),
    'isp2-died': (('isp2',), signal.SIGKILL),
    'isp2-back': ((), None),
    'isp1-ended': (('isp1',), signal.SIGTERM),
    'isp1-back': ((), None),
}
# For a machine without curl: as much of it as the example asks for.
CURL = '''#!/usr/bin/python3
import socket, sys, urllib.parse
url, source, data, args = None, None, [], sys.argv[1:]
while args:
    arg = args.pop(0)
    if arg == '--interface':
        source = (args.pop(0), 0)
    elif arg == '--data-urlencode':
        data.append('='.join(map(urllib.parse.quote, args.pop(0).split('=', 1))))
    elif arg == '--max-time':
        args.pop(0)
    elif not arg.startswith('--'):
        url = urllib.parse.urlsplit(arg)
with socket.create_connection((url.hostname, url.port), 60, source) as s:
    s.sendall(f'GET {url.path}?{"&".join(data)} HTTP/1.0\\r\\n\\r\\n'.encode())
    s.recv(1000)
'''


class Ddns:
    """A provider of dynamic DNS."""

    def __init__(self):
        with within('inet'):
            self.socket = socket.create_server((DDNS, 8245), backlog=16)
        self.socket.settimeout(60)

    def request(self):
        """The next update: what it says, and where it comes from."""
        conn, source = self.socket.accept()
        with conn:
            line = conn.recv(4096).split(b'\r\n')[0].decode()
            conn.sendall(b'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\ngood\n')
        query = urllib.parse.urlsplit(line.split()[1]).query
        return dict(urllib.parse.parse_qsl(query)), source[0]

    def requests(self, n):
        """Updates come in any order."""
        return {said['hostname']: (said, source)
                for said, source in (self.request() for _ in range(n))}


@pytest.fixture(scope='module')
def site(build, world, tmp_path_factory):
    folder = tmp_path_factory.mktemp('situation')
    with situations.site(build, world, folder, 'pppoe-router') as made:
        made.lan('eth0')
        made.lan('eth3', prefix='203.0.113', name='dmz', length=29, host=10, router=9)
        for n in 1, 2:
            provider = made.lab.provider(n)
            made.rename(provider.serve_pppoe(sessions=1), f'eth{n}')
            made.link(f'isp{n}')
        ip('route', 'add', 'blackhole', SERVERS, 'metric', '9', netns='isp1')
        made.sysctl('sysctl.d/60-multihome.conf')
        made.nftables()
        made.install('ip-up.d/ddns', '/etc/ppp/ip-up.d/ddns', 0o755)
        os.symlink('../ip-up.d/ddns', '/etc/ppp/ip-down.d/ddns')
        with open('/etc/ddns.conf', 'w') as f:
            f.write(f'URL=http://{DDNS}:8245/nic/update\nDOMAIN=my.example\n')
        stub = not shutil.which('curl')
        if stub:
            with open('/usr/local/bin/curl', 'w') as f:
                f.write(CURL)
            os.chmod('/usr/local/bin/curl', 0o755)
        made.ddns = Ddns()
        made.updates = {}
        yield made
        made.ddns.socket.close()
        os.unlink('/etc/ppp/ip-down.d/ddns')
        os.unlink('/etc/ddns.conf')
        if stub:
            os.unlink('/usr/local/bin/curl')
        ip('route', 'del', 'blackhole', SERVERS, 'metric', '9', netns='isp1', check=False)


@pytest.fixture(scope='module', params=PHASES)
def phase(site, request):
    """Before, during and after a link's loss."""
    down, way = PHASES[request.param]
    come = [name for name in LINKS if name not in down and not site.is_up(name)]
    gone = [name for name in down if site.is_up(name) and way != signal.SIGKILL]
    site.enter(down, way)
    site.updates = site.ddns.requests(len(come) + len(gone))
    if 'isp1' in come:
        site.lab.providers[0].route(SERVERS, via=site.local('isp1'))
    site.keep_open(4, LINKS, {name: 8080 for name in LINKS})
    return request.param


@pytest.fixture
def live(site, phase):
    return [name for name in LINKS if site.is_up(name)]


@pytest.mark.needs('isp1')
@pytest.mark.parametrize('protocol, port', [('tcp', 25), ('tcp', 80), ('udp', 53), ('ping', 0)])
def test_public_servers_answer_by_their_line(site, live, protocol, port):
    """With their own address, which is of that line alone."""
    for _ in range(4):
        assert site.answered(protocol, SERVER, port, at='dmz') == ['isp1']


@pytest.mark.parametrize('protocol', ['tcp', 'udp'])
def test_public_servers_connections(site, live, protocol):
    """By their line with their own address; while it is down by the other, with that one's."""
    for n in range(4):
        way = site.way(protocol, f'198.18.70.{n}', 53, netns='dmz')
        if 'isp1' in live:
            assert way == situations.Way(['isp1'], SERVER)
        else:
            assert way == situations.Way(['isp2'], site.local('isp2'))


def test_service_of_the_lan_answers_by_the_line_that_was_asked(site, live):
    for name in live:
        for _ in range(6):
            assert site.answered('tcp', site.local(name), 8080, at='lan', port_at=80) == [name]


@pytest.mark.parametrize('protocol, port', [('tcp', 22), ('udp', 123), ('ping', 0)])
def test_router_answers_by_the_line_that_was_asked(site, live, protocol, port):
    for name in live:
        for _ in range(4):
            assert site.answered(protocol, site.local(name), port) == [name]


@pytest.mark.parametrize('netns', [None, 'lan'], ids=['host', 'lan'])
def test_new_flows_are_shared(site, live, netns):
    """Half and half, give or take 10 points (over four standard deviations); or all by one."""
    came = site.new_flows(500 if len(live) == 2 else 100, netns)
    assert set(came) == set(live)
    if len(live) == 2:
        assert abs(came['isp1'] - 250) <= 50


@pytest.mark.parametrize('netns', ['lan', 'dmz'])
def test_tcp_is_told_of_the_lines_mtu(site, live, netns):
    """In both directions: 1492 less 40."""
    for name in live if netns == 'lan' else ['isp1'] if 'isp1' in live else []:
        near, far = site.connection_over(name, netns)
        with near, far:
            for end in near, far:
                assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) <= 1452


def test_full_size_transfer(site, live):
    """What a clamp is good for: no packet is too big, whichever line it takes."""
    for name in live:
        near, far = site.connection_over(name, 'lan')
        with near, far:
            near.settimeout(60)
            far.settimeout(60)
            for a, b in (near, far), (far, near):
                a.sendall(bytes(20000))
                left = 20000
                while left:
                    left -= len(b.recv(left))


def test_dynamic_dns_is_told(site, phase):
    """Of a line that comes, by that line; of one that ends, by the other."""
    if phase == 'all-up':
        assert set(site.updates) == {'isp1.my.example', 'isp2.my.example'}
    elif phase == 'isp2-died':
        assert site.updates == {}
    elif phase == 'isp1-ended':
        said, source = site.updates.pop('isp1.my.example')
        assert said['offline'] == 'YES' and said['links'] == 'isp2'
        assert source == site.local('isp2')
    else:
        assert len(site.updates) == 1
    for hostname, (said, source) in site.updates.items():
        name = hostname.split('.')[0]
        assert said['myip'] == source == site.local(name)
        assert name in said['links'].split()


@pytest.mark.parametrize('from_outside', [False, True], ids=['to-outside', 'from-outside'])
def test_open_connections_go_on(site, live, from_outside):
    """The LAN's, through NAT, over each line that was there all the time."""
    stopped, n = site.that_stop(from_outside)
    assert stopped == [] and n == len(live) * (1 if from_outside else 4)


def test_no_provider_saw_a_foreign_source(site, phase):
    assert site.dropped() == {'isp1': 0, 'isp2': 0}
