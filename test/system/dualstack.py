# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of examples/dual-stack share: the host as its page sets it up, with one of the
DHCPv6 clients, between two providers that speak IPv6 and delegate a prefix to each session.
"""

import contextlib
import errno
import json
import os
import re
import socket
import subprocess
import time

from lab import DUID, PATIENCE, SERVER6, ip, run, until
from situations import within

LINKS = ['isp1', 'isp2']
IPV6_RECVERR = 25
# As much of odhcp6c, which is OpenWrt's and not in Debian, as concerns its script (see its README):
# that is called with the interface and what has happened, and finds prefixes in its environment.
ODHCP6C = '''#!/usr/bin/python3
import os, signal, subprocess, sys, time
args = sys.argv[1:]
script, link, pidfile = args[args.index('-s') + 1], args[-1], args[args.index('-p') + 1]
assert args[args.index('-P') + 1] == '0' and '-d' in args
if os.fork():
    os._exit(0)
os.setsid()
with open(pidfile, 'w') as f:
    f.write(f'{os.getpid()}\\n')

def tell(state, prefixes):
    subprocess.run([script, link, state], env={'PATH': os.environ['PATH'], 'PREFIXES': prefixes,
                                               'SERVER': 'fe80::1', 'RDNSS': '', 'ADDRESSES': ''})

def stop(number, frame):
    tell('stopped', '')
    sys.exit(0)

signal.signal(signal.SIGTERM, stop)
tell('started', '')
net, session = f'2001:db8:{link[3:]}:', None
while not session:  # as the lab numbers it in the line's own address
    time.sleep(0.2)
    shown = subprocess.run(['ip', '-6', '-o', 'addr', 'show', 'dev', link, 'scope', 'global'],
                           stdout=subprocess.PIPE, text=True).stdout
    session = shown.partition(net)[2].partition(':')[0]
prefix = f'{net}{session}00::/56'
for state in 'bound', 'ra-updated', 'updated':
    tell(state, f'{prefix},300,600')
while True:
    time.sleep(100)
'''


def write(made, path, text, mode=0o644):
    """A file that no example has, for as long as the test."""
    made.installed.append((path, None))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb' if isinstance(text, bytes) else 'w') as f:
        f.write(text)
    os.chmod(path, mode)


def link_to(made, target, path):
    os.symlink(target, path)
    made.installed.append((path, None))


def use_dhcpcd(made):
    conf = made.install('dhcpcd/multihome-dhcpcd.conf', '/etc/multihome-dhcpcd.conf')
    with open(conf, 'r+') as f:
        text = f.read()
        f.seek(0)
        f.write(f'debug\nlogfile {made.lab.folder}/dhcpcd.log\n{text}')
    made.install('dhcpcd/multihome-dhcpcd-script', '/usr/local/sbin/multihome-dhcpcd-script', 0o755)
    for event in 'up', 'down':
        made.install(f'dhcpcd/ipv6-{event}.d/multihome-dhcpcd',
                     f'/etc/ppp/ipv6-{event}.d/multihome-dhcpcd', 0o755)
    write(made, '/var/lib/dhcpcd/duid', f'{DUID}\n')


def use_dhcp6c(made):
    made.install('wide-dhcpv6/dhcp6c.conf', '/etc/wide-dhcpv6/dhcp6c.conf')
    for name in LINKS:
        made.install('wide-dhcpv6/multihome-isp1', f'/etc/wide-dhcpv6/multihome-{name}', 0o755)
    made.install('wide-dhcpv6/ipv6-up.d/multihome-dhcp6c', '/etc/ppp/ipv6-up.d/multihome-dhcp6c',
                 0o755)
    link_to(made, '../ipv6-up.d/multihome-dhcp6c', '/etc/ppp/ipv6-down.d/multihome-dhcp6c')
    duid = bytes(int(byte, 16) for byte in DUID.split(':'))
    write(made, '/var/lib/dhcpv6/dhcp6c_duid', len(duid).to_bytes(2, 'little') + duid)


def use_odhcp6c(made):
    made.install('odhcp6c/multihome-odhcp6c-script', '/usr/local/sbin/multihome-odhcp6c-script',
                 0o755)
    made.install('odhcp6c/ipv6-up.d/multihome-odhcp6c', '/etc/ppp/ipv6-up.d/multihome-odhcp6c',
                 0o755)
    link_to(made, '../ipv6-up.d/multihome-odhcp6c', '/etc/ppp/ipv6-down.d/multihome-odhcp6c')
    write(made, '/usr/local/sbin/odhcp6c', ODHCP6C, 0o755)


CLIENTS = {'dhcpcd': use_dhcpcd, 'dhcp6c': use_dhcp6c, 'odhcp6c': use_odhcp6c}


def end_clients():
    """What runs on where a session was killed."""
    for name in '/run/multihome-dhcp6c.pid', '/run/odhcp6c-{}.pid', '/run/dhcpcd/{}-6.pid':
        for link in LINKS:
            try:
                with open(name.format(link)) as f:
                    pid = int(f.read())
                os.kill(pid, 15)
            except (FileNotFoundError, ProcessLookupError):
                continue
            until('the client has ended', lambda: not os.path.exists(f'/proc/{pid}'))


def set_up(made, client):
    """The page, from top to bottom. The lines are not started yet."""
    made.lan('eth0')
    for n in 1, 2:
        provider = made.lab.provider(n)
        provider.serves6(pd=3600)  # a lost prefix's addresses have to outlive the tests
        made.rename(provider.serve_pppoe(sessions=1, ipv6=True), f'eth{n}')
        made.link(f'isp{n}')
    made.sysctl('sysctl.d/60-multihome.conf')
    made.nftables()
    made.install('multihome-pd', '/usr/local/sbin/multihome-pd', 0o755)
    CLIENTS[client](made)
    conf = made.install('dnsmasq.d/lan.conf', '/etc/dnsmasq.d/lan.conf')
    log = open(f'{made.lab.folder}/dnsmasq.log', 'w')
    made.lab.helpers.append(subprocess.Popen(
        ['dnsmasq', '-k', '-p', '0', '-C', conf, '--user=root', '--log-facility=-', '--pid-file',
         f'--dhcp-leasefile={made.lab.folder}/leases'], stdout=log, stderr=log,
        stdin=subprocess.DEVNULL))


@contextlib.contextmanager
def logs_with_failure(made):
    try:
        yield
    except AssertionError as e:
        said = ''
        for name in 'dhcpcd', 'dnsmasq', *LINKS:
            if os.path.exists(f'{made.lab.folder}/{name}.log'):
                with open(f'{made.lab.folder}/{name}.log') as f:
                    said += f'\n{name}:\n{f.read()[-3000:]}'
        raise AssertionError(f'{e}{said}') from None


def tear_down(made):
    end_clients()
    ip('link', 'del', 'pd0', check=False)
    for name in LINKS:
        state = f'/run/multihome-pd/{name}'
        if os.path.exists(state):
            with open(state) as f:
                ip('-6', 'route', 'del', 'unreachable', f.read().strip(), 'metric', '4096',
                   check=False)
            os.unlink(state)


def status(name):
    links = json.loads(run('multihome', 'status', '--json'))['links']
    return next((one for one in links if one['ifname'] == name), None)


def rules(prefix):
    """What is said of a prefix by our rules, in their order."""
    return [re.sub(r' proto \w+', '', line.split(':\t')[1]).strip()
            for line in ip('-6', 'rule').splitlines() if f'from {prefix} ' in line]


def belongs(prefix, name):
    """Packets from the prefix leave by the link, and by no other."""
    now = status(name)
    return bool(now and now['inet6']) and rules(prefix) == [
        f'from {prefix} lookup {now["inet6"]["table"]}', f'from {prefix} unreachable']


def delegated(name):
    """The prefix of a link for which the example's hook has done all: it writes this last."""
    try:
        with open(f'/run/multihome-pd/{name}') as f:
            return f.read().strip()
    except FileNotFoundError:
        return None


def addresses(dev, netns=None, prefix=None):
    """Addresses that may be used: {address: whether it is preferred}"""
    out = ip('-j', '-6', 'addr', 'show', 'dev', dev, 'scope', 'global',
             *(['to', prefix] if prefix else []), netns=netns)
    return {addr['local']: not addr.get('deprecated')
            for entry in json.loads(out or '[]') for addr in entry.get('addr_info', [])
            if addr and not addr.get('tentative')}


def lan_address(prefix):
    """The LAN host's address of a link's prefix, None while it has none that is preferred."""
    return next((address for address, preferred in
                 addresses('eth0', 'lan', prefix.replace('/56', '/64')).items() if preferred), None)


def refusal(source, to=SERVER6):
    """What ICMPv6 says to a packet of the LAN host's, as errno's name, and after how many seconds.

    Over a veth a SYN's comes while connect() still holds the socket, which TCP takes for a passing
    trouble and sends another after 1 s; over a cable it does not.
    """
    with within('lan'):
        near = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    with near:
        near.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        near.settimeout(PATIENCE)
        near.bind((source, 0))
        near.connect((to, 9))
        began = time.monotonic()
        near.send(b'?')
        try:
            near.recv(1)
        except OSError as e:
            if not e.errno:
                raise
            return errno.errorcode[e.errno], time.monotonic() - began
    return None, None


class Server:
    """The Internet's, in IPv6: answers what comes to a port of any of its addresses."""

    def __init__(self, port):
        self.port = port
        with within('inet'):
            self.tcp = socket.create_server(('::', port), family=socket.AF_INET6, backlog=64)
        self.tcp.settimeout(PATIENCE)

    def ask(self, source, to=SERVER6, netns='lan'):
        """Connects from this address. Returns the server's view of it, or the errno at once."""
        with within(netns):
            near = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        with near:
            near.settimeout(PATIENCE)
            if source:
                near.bind((source, 0))
            try:
                near.connect((to, self.port))
            except OSError as e:
                if not e.errno:
                    raise
                return errno.errorcode[e.errno]
            far, peer = self.tcp.accept()
            with far:
                far.settimeout(PATIENCE)
                near.sendall(b'question')
                assert far.recv(64) == b'question'
                far.sendall(b'answer')
                assert near.recv(64) == b'answer'
                self.mss = [end.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
                            for end in (near, far)]
            return peer[0]

    def close(self):
        self.tcp.close()
