# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two ADSL lines, 8 to 2, and a VPN: examples/two-adsl-and-vpn."""

import os
import pwd
import signal
import subprocess

import pytest

import situations
from lab import inside, ip_json, run, until
from situations import Way

VPN_SERVER = '198.51.100.5'
SITE = '203.0.113.80'
PHASES = {
    'all-up': ((), None),
    'isp1-died': (('isp1',), signal.SIGKILL),
    'isp1-back': ((), None),
    'isp2-ended': (('isp2',), signal.SIGTERM),
    'isp2-back': ((), None),
}
LINKS = ['isp1', 'isp2']


def certificates(folder):
    """A key and a certificate for either end, each the other's authority."""
    for name, usage in ('server', 'serverAuth'), ('client', 'clientAuth'):
        run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
            '-nodes', '-days', '36500', '-subj', f'/CN={name}', '-addext',
            f'extendedKeyUsage={usage}', '-addext', 'keyUsage=digitalSignature,keyCertSign',
            '-keyout', f'{folder}/{name}.key', '-out', f'{folder}/{name}.crt')


class Vpn:
    """OpenVPN's server on the Internet, and the host's client by the example's files."""

    def __init__(self, site):
        self.folder = folder = site.lab.folder
        self.site = site
        certificates(folder)
        os.makedirs('/etc/openvpn/client', exist_ok=True)
        for source, to in ('server.crt', 'ca.crt'), ('client.crt', 'office.crt'), \
                ('client.key', 'office.key'):
            run('cp', f'{folder}/{source}', f'/etc/openvpn/client/{to}')
        site.install('openvpn/multihome-hook', '/etc/openvpn/client/multihome-hook', 0o755)
        self.conf = site.install('openvpn/office.conf', '/etc/openvpn/client/office.conf')
        with open(f'{folder}/server.conf', 'w') as f:
            f.write(f'''
                dev vpn
                dev-type tun
                proto udp
                local {VPN_SERVER}
                port 1194
                server 10.8.0.0 255.255.255.0
                topology subnet
                dh none
                keepalive 10 60
                ca {folder}/client.crt
                cert {folder}/server.crt
                key {folder}/server.key
                push "redirect-gateway def1"
                ''')
        self.server = self.run(f'{folder}/server.conf', 'server', *inside('inet'))
        self.client = None

    def run(self, conf, log, *before):
        log = open(f'{self.folder}/openvpn-{log}.log', 'a')
        process = subprocess.Popen([*before, 'openvpn', '--config', conf], stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL)
        self.site.lab.helpers.append(process)
        return process

    def up(self):
        if self.client and self.client.poll() is None:
            return
        self.client = self.run(self.conf, 'client')
        try:
            until('the VPN is a link', lambda: os.path.exists('/run/multihome/links/tun0') and
                  'lookup vpn' in run('ip', 'rule', 'show'))
        except AssertionError as e:
            with open(f'{self.folder}/openvpn-client.log') as f:
                raise AssertionError(f'{e}\n{f.read()}') from None

    def down(self):
        if self.client and self.client.poll() is None:
            self.client.terminate()
            self.client.wait(60)

    def address(self):
        return ip_json('-4', 'addr', 'show', 'dev', 'tun0')[0]['addr_info'][0]['local']


@pytest.fixture(scope='module')
def site(build, world, tmp_path_factory):
    folder = tmp_path_factory.mktemp('situation')
    with situations.site(build, world, folder, 'two-adsl-and-vpn') as made:
        made.lan('eth0')
        for n in 1, 2:
            nic = made.lab.provider(n).serve_pppoe()
            made.rename(nic, f'eth{n}')
            made.link(f'isp{n}')
        made.world_has('198.51.100.0/24', '203.0.113.0/24')
        made.install('rt_tables.d/multihome.conf', '/etc/iproute2/rt_tables.d/multihome.conf')
        made.sysctl('sysctl.d/60-multihome.conf')
        made.nftables()
        made.vpn = Vpn(made)
        yield made
        made.vpn.down()


@pytest.fixture(scope='module', params=PHASES)
def phase(site, request):
    """Before, during and after a link's loss."""
    down, way = PHASES[request.param]
    site.enter(down, way)
    site.vpn.up()
    site.keep_open(4, LINKS, {name: 80 for name in LINKS})
    return request.param


def first(site, *names):
    return [name for name in names if site.is_up(name)][0]


@pytest.fixture
def live(site, phase):
    return [name for name in LINKS if site.is_up(name)]


@pytest.mark.parametrize('protocol, port', [('tcp', 22), ('udp', 53), ('ping', 0)])
def test_host_answers_by_the_link_that_was_asked(site, live, protocol, port):
    for name in live:
        for _ in range(4):
            assert site.answered(protocol, site.local(name), port) == [name]


@pytest.mark.parametrize('protocol, port', [('tcp', 80), ('udp', 443)])
def test_lan_answers_by_the_link_that_was_asked(site, live, protocol, port):
    for name in live:
        for _ in range(4):
            assert site.answered(protocol, site.local(name), port, at='lan') == [name]


@pytest.mark.parametrize('netns', [None, 'lan'], ids=['host', 'lan'])
def test_new_flows_are_shared(site, live, netns):
    """8 to 2, give or take 6 points (over four standard deviations); all, when one is left.

    Few while one is left: their part of the default stays with it for a while (MH_GROUP_BUCKETS).
    """
    came = site.new_flows(1000 if len(live) == 2 else 100, netns)
    assert set(came) == set(live)
    if len(live) == 2:
        assert abs(came['isp1'] - 800) <= 60


@pytest.mark.parametrize('netns', [None, 'lan'], ids=['host', 'lan'])
def test_mail_goes_by_the_first(site, phase, netns):
    for n in range(4):
        to = f'198.18.70.{n}'
        assert site.goes_by(first(site, 'isp1', 'isp2'), 'tcp', to, 25, netns=netns)


@pytest.mark.parametrize('netns', [None, 'lan'], ids=['host', 'lan'])
@pytest.mark.parametrize('protocol, port', [('tcp', 443), ('udp', 8801)])
def test_one_site_goes_by_the_second(site, phase, netns, protocol, port):
    for _ in range(4):
        assert site.goes_by(first(site, 'isp2', 'isp1'), protocol, SITE, port, netns=netns)


@pytest.mark.parametrize('netns', [None, 'lan'], ids=['host', 'lan'])
def test_mark_with_two_wishes_takes_the_first_link_that_is_up(site, phase, netns):
    """0x3: isp1, else isp2."""
    for n in range(4):
        to = f'198.18.71.{n}'
        assert site.goes_by(first(site, 'isp1', 'isp2'), 'udp', to, 5060, netns=netns)


@pytest.mark.parametrize('netns', [None, 'lan'], ids=['host', 'lan'])
def test_mark_that_falls_through_to_the_vpn(site, phase, netns):
    """0x6: isp2, else the VPN, also while isp1 is up."""
    for n in range(4):
        way = site.way('tcp', f'198.18.72.{n}', 873, netns=netns)
        if site.is_up('isp2'):
            assert way == Way(['isp2'], site.local('isp2'))
        else:
            assert way == Way(['tun0'], site.vpn.address())


@pytest.mark.parametrize('netns', [None, 'lan'], ids=['host', 'lan'])
def test_mark_of_the_vpn(site, phase, netns):
    for n in range(4):
        assert site.way('tcp', f'198.18.73.{n}', 3389, netns=netns) == \
            Way(['tun0'], site.vpn.address())


def test_outer_packets_of_the_vpn_go_by_the_first(site, phase):
    """What goes by the tunnel leaves by isp1 while that is up, else by isp2: at once, unasked."""
    site.watch.seen()
    for n in range(4):
        assert site.way('udp', f'198.18.74.{n}', 4500, mark=4) == Way(['tun0'], site.vpn.address())
        seen = [p for p in site.last if p.to == VPN_SERVER and p.device in LINKS]
        assert len(seen) >= 1
        assert {(p.device, p.source) for p in seen} == {
            (first(site, 'isp1', 'isp2'), site.local(first(site, 'isp1', 'isp2')))}


@pytest.mark.parametrize('from_outside', [False, True], ids=['to-outside', 'from-outside'])
def test_open_connections_go_on(site, live, from_outside):
    """The LAN's, through NAT, over each link that was there all the time."""
    stopped, n = site.that_stop(from_outside)
    assert stopped == [] and n == len(live) * (1 if from_outside else 4)


def test_no_provider_saw_a_foreign_source(site, phase):
    assert site.dropped() == {'isp1': 0, 'isp2': 0}


def test_without_the_vpn_its_packets_take_the_next(site):
    """0x6 and 0x4 when isp2 and the VPN are gone: the default."""
    site.enter(('isp2',), signal.SIGTERM)
    with open(f'/proc/{site.vpn.client.pid}/status') as f:
        uids = [line.split()[1:] for line in f if line.startswith('Uid:')][0]
    assert set(uids) == {str(pwd.getpwnam('nobody').pw_uid)}, 'it has dropped root'
    site.vpn.down()
    for port in 873, 3389:
        for netns in None, 'lan':
            assert site.goes_by('isp1', 'tcp', '198.18.75.1', port, netns=netns)
    assert 'lookup vpn' not in run('ip', 'rule', 'show')


def test_the_vpn_died_without_a_word(site):
    site.enter(('isp2',), signal.SIGTERM)
    site.vpn.up()
    site.vpn.client.kill()
    site.vpn.client.wait(60)
    until('the tunnel is gone', lambda: not os.path.exists('/sys/class/net/tun0'))
    for netns in None, 'lan':
        assert site.goes_by('isp1', 'tcp', '198.18.75.2', 3389, netns=netns)


@pytest.fixture(scope='module')
def iptables(site):
    site.enter(())
    site.vpn.up()
    with site.lan_in_use():
        site.iptables()


@pytest.mark.parametrize('netns', [None, 'lan'], ids=['host', 'lan'])
def test_with_iptables(site, iptables, netns):
    """The same answers and ways by the iptables rules, and nothing astray on the way to them."""
    for name in LINKS:
        for _ in range(4):
            assert site.answered('tcp', site.local(name), 80, at='lan') == [name]
            assert site.answered('tcp', site.local(name), 22) == [name]
    for n in range(4):
        assert site.goes_by('isp1', 'udp', f'198.18.76.{n}', 5060, netns=netns)
        assert site.goes_by('isp2', 'tcp', f'198.18.76.{n}', 873, netns=netns)
        assert site.way('tcp', f'198.18.76.{n}', 3389, netns=netns) == \
            Way(['tun0'], site.vpn.address())
    assert site.dropped() == {'isp1': 0, 'isp2': 0}
