# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the situations in examples/ share: the host as the example's page sets it up.

The example's own files are installed to where its page says, and the lab's interfaces bear the
names that they have there. Reverse path filtering is strict at the start. Whatever is asked of a
situation is asked with packets: a socket sits on all interfaces of the host and sees which one each
packet leaves by, and a provider drops what is not its own.
"""

import collections
import contextlib
import ctypes
import ipaddress
import os
import shutil
import signal
import socket
import struct
import threading

from lab import PATIENCE, Lab, Link, Namespace, assert_unchanged, finish, foreign, ip, run, until

EXAMPLES = os.path.normpath(os.path.join(os.path.dirname(__file__), '../../examples'))
CLIENTS = '198.18.9.0'  # of the outside; each connection from there has an address of its own
STREAMS = '198.18.64.0'  # outside, sent to by lan_in_use()
CLONE_NEWNET = 0x40000000
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86dd
IP_PKTINFO, SO_RCVBUFFORCE = 8, 33

Packet = collections.namedtuple('Packet', 'device source to protocol sport dport')
Way = collections.namedtuple('Way', 'devices source')  # source: as the other end sees it

libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def within(netns):
    """Sockets made in it belong to that namespace, whoever uses them later."""
    if not netns:
        yield
        return
    with open('/proc/self/ns/net') as here, open(f'/run/netns/{netns}') as there:
        if libc.setns(there.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), 'setns')
        try:
            yield
        finally:
            if libc.setns(here.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), 'setns')


@contextlib.contextmanager
def user(uid):
    """Sockets made in it are that user's."""
    if uid is None:
        yield
        return
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def nth(base, n):
    return str(ipaddress.ip_address(base) + n)


class Watch:
    """Sees every packet that leaves the host, and by which interface."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.socket.setblocking(False)

    def seen(self):
        """The packets since it was last asked."""
        packets = []
        while True:
            try:
                data, (device, protocol, kind, _, _) = self.socket.recvfrom(256)
            except BlockingIOError:
                return packets
            if kind != socket.PACKET_OUTGOING:
                continue
            if protocol == ETH_P_IP and len(data) >= 20:
                header, upper = (data[0] & 15) * 4, data[9]
                source, to = (socket.inet_ntoa(data[at:at + 4]) for at in (12, 16))
            elif protocol == ETH_P_IPV6 and len(data) >= 40:
                header, upper = 40, data[6]
                source, to = (socket.inet_ntop(socket.AF_INET6, data[at:at + 16])
                              for at in (8, 24))
            else:
                continue
            sport = dport = 0
            if upper in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
                sport, dport = struct.unpack_from('!HH', data, header)
            packets.append(Packet(device, source, to, upper, sport, dport))


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Conversation:
    """A TCP connection that is kept open. link: the one it goes by, in that link's nth life."""

    def __init__(self, near, far, link, life, from_outside=False):
        self.near, self.far, self.link, self.life = near, far, link, life
        self.from_outside = from_outside

    def goes_on(self):
        try:
            self.near.sendall(b'more?')
            if self.far.recv(5) != b'more?':
                return False
            self.far.sendall(b'more!')
            return self.near.recv(5) == b'more!'
        except OSError:
            return False

    def close(self):
        self.near.close()
        self.far.close()


class Site:
    """The host of an example, its links, the LAN behind it, and the Internet in front."""

    def __init__(self, lab, example):
        self.lab = lab
        self.example = example
        self.links = {}
        self.lives = collections.Counter()
        self.installed = []
        self.renamed = []
        self.settings = {}
        self.abroad = []
        self.inside = []
        self.services = {}
        self.conversations = []
        self.clients = 0
        self.opened = 0
        self.called = 0
        self.last = []
        self.other_uplinks = ['tun0']
        self.provider_names = {}
        self.watch = Watch()
        for name in 'all', 'default':
            self.set(f'net.ipv4.conf.{name}.rp_filter', '1')
        self.set('net.ipv4.ip_forward', '0')

    # What the page says is to be done

    def path(self, name):
        return os.path.join(EXAMPLES, self.example, name)

    def text(self, name):
        with open(self.path(name)) as f:
            return f.read()

    def install(self, name, to, mode=0o644):
        """A file of the example, to where its page says. What was there comes back later."""
        saved = None
        if os.path.exists(to):
            saved = f'{self.lab.folder}/saved-{len(self.installed)}'
            shutil.copy2(to, saved)
        self.installed.append((to, saved))
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copyfile(self.path(name), to)
        os.chmod(to, mode)
        return to

    def set(self, name, value):
        path = '/proc/sys/' + name.replace('.', '/')
        with open(path) as f:
            self.settings.setdefault(path, f.read())
        with open(path, 'w') as f:
            f.write(value)

    def sysctl(self, name):
        """A file of sysctl.d, and what the machine does with it at its start."""
        for line in self.text(name).splitlines():
            if '=' in line and not line.startswith('#'):
                path = '/proc/sys/' + line.split('=')[0].strip().replace('.', '/')
                with open(path) as f:
                    self.settings.setdefault(path, f.read())
        run('sysctl', '-q', '-p', self.install(name, f'/etc/sysctl.d/{os.path.basename(name)}'))

    def nftables(self, name='nftables.conf'):
        run('nft', '-f', self.install(name, '/etc/nftables.conf'))

    def iptables(self):
        """From the example's nftables.conf to its iptables.rules on a gateway that is in use.

        At no time there is no rule: what would be sent then bears the LAN's own addresses.
        iptables-restore replaces "ip nat", whose name is that of a table of its own, at one stroke.
        """
        run('iptables-restore', self.path('iptables.rules'))
        run('nft', 'delete', 'table', 'inet', 'multihome')

    # What the lab is to look like

    def rename(self, nic, name):
        """An interface of the lab gets the name that it has in the example."""
        run('ip', '-batch', '-', stdin=f'link set {nic} down\nlink set {nic} name {name}\n'
            f'link set {name} up\n')
        self.renamed.append((name, nic))

    def link(self, name, peers=None):
        """A link of the example's peers file, not started yet."""
        self.install(peers or f'peers/{name}', f'/etc/ppp/peers/{name}')
        self.links[name] = Link(self.lab, name, self.text(peers or f'peers/{name}'))
        return self.links[name]

    def lan(self, nic, prefix='192.168.7', name='lan', length=24, host=2, router=1):
        """A host on a LAN behind the host's interface."""
        made = Namespace(name)
        self.lab.namespaces.append(made)
        self.inside.append(nic)
        run('ip', '-batch', '-', stdin=f'''
            link add {nic} type veth peer name eth0 netns {name}
            addr add {prefix}.{router}/{length} dev {nic}
            link set {nic} up
            ''')
        run('ip', '-n', name, '-batch', '-', stdin=f'''
            addr add {prefix}.{host}/{length} dev eth0
            link set eth0 up
            route add default via {prefix}.{router}
            ''')
        return made

    def world_has(self, *prefixes):
        """These are on the Internet as well."""
        for prefix in prefixes:
            ip('route', 'add', 'local', prefix, 'dev', 'lo', netns='inet')
            self.abroad.append(prefix)

    # Links come and go

    def is_up(self, name):
        link = self.links[name]
        return bool(link.process and link.process.poll() is None)

    def local(self, name):
        return self.links[name].local()

    def start(self, *names):
        marks = {name: self.links[name].mark() for name in names}
        for name in names:
            self.links[name].start()
        for name in names:
            self.links[name].wait_up(marks[name])
            self.lives[name] += 1

    def lose(self, name, way=signal.SIGKILL):
        """The link is gone: pppd dies, or is told to end it."""
        link = self.links[name]
        link.stop(way)
        self.lab.links.remove(link)
        for provider in self.lab.providers:
            if provider.name == self.provider_of(name) and not self.others_at(provider, name):
                until('the provider has noticed', provider.is_at_rest)

    def provider_of(self, name):
        return self.provider_names.get(name, name)

    def others_at(self, provider, name):
        return [other for other in self.links if other != name and self.is_up(other) and
                self.provider_of(other) == provider.name]

    def enter(self, down, way=signal.SIGKILL):
        """Makes all links be up but these."""
        for name in self.links:
            if name in down and self.is_up(name):
                self.lose(name, way)
        self.start(*[name for name in self.links if name not in down and not self.is_up(name)])

    # Services: one socket for each, made when it is first needed

    def service(self, netns, protocol, port):
        key = netns, protocol, port
        if key in self.services:
            return self.services[key]
        with within(netns):
            if protocol == 'tcp':
                made = socket.create_server(('0.0.0.0', port), backlog=64)
            else:
                made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                made.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
                made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
                made.bind(('0.0.0.0', port))
        made.settimeout(PATIENCE)
        self.services[key] = made
        return made

    @staticmethod
    def serve_udp(service):
        """Answers one packet, from the address it was sent to, as BIND and dnsmasq do."""
        data, control, _, source = service.recvmsg(2048, 256)
        info = [c[2] for c in control if c[:2] == (socket.IPPROTO_IP, IP_PKTINFO)][0]
        reply = struct.pack('I4s4s', 0, info[8:12], bytes(4))
        service.sendmsg([data[::-1]], [(socket.IPPROTO_IP, IP_PKTINFO, reply)], 0, source)
        return source

    def converse(self, near, service, to, port, protocol):
        """A question and its answer. Returns whom the service sees, with his port, and its socket."""
        near.settimeout(PATIENCE)
        near.connect((to, port))
        if protocol == 'udp':
            near.send(b'question')
            source = self.serve_udp(service)
            assert near.recv(64) == b'question'[::-1]
            return source, None
        far, source = service.accept()
        far.settimeout(PATIENCE)
        near.sendall(b'question')
        assert far.recv(64) == b'question'
        far.sendall(b'answer')
        assert near.recv(64) == b'answer'
        return source, far

    # What is asked with packets

    def client(self):
        self.clients += 1
        return nth(CLIENTS, self.clients)

    def answered(self, protocol, to, port=0, at=None, port_at=None, source=None):
        """Somebody outside asks this address. Returns the way that all packets to him took.

        at: namespace of the host that answers, port_at: its port there
        source: of the answers when they leave, if that is not the address that was asked
        """
        client = self.client()
        self.watch.seen()
        if protocol == 'ping':
            self.ping(client, to)
        else:
            service = self.service(at, protocol, port_at or port)
            kind = socket.SOCK_STREAM if protocol == 'tcp' else socket.SOCK_DGRAM
            with within('inet'):
                near = socket.socket(socket.AF_INET, kind)
            with near:
                near.bind((client, 0))
                _, far = self.converse(near, service, to, port, protocol)
                if far:
                    far.close()
        packets = [p for p in self.watch.seen() if p.to == client and p.device in self.uplinks()]
        assert packets and {p.source for p in packets} == {source or to}
        return sorted({p.device for p in packets})

    @staticmethod
    def ping(client, to):
        with within('inet'):
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        with raw:
            raw.bind((client, 0))
            raw.settimeout(PATIENCE)
            echo = struct.pack('!BBHHH', 8, 0, 0, 4711, 1) + b'0123456789abcdef'
            raw.sendto(echo[:2] + struct.pack('!H', checksum(echo)) + echo[4:], (to, 0))
            data, source = raw.recvfrom(256)
            assert source[0] == to and data[20] == 0

    def uplinks(self):
        return {*self.links, *self.other_uplinks}

    def way(self, protocol, to, port, netns=None, uid=None, mark=0, bind=None, at='inet'):
        """A connection from the host or the LAN. Returns the way that all of its packets took.

        bind: the address that it asks for
        """
        service = self.service(at, protocol, port)
        kind = socket.SOCK_STREAM if protocol == 'tcp' else socket.SOCK_DGRAM
        with within(netns), user(uid):
            near = socket.socket(socket.AF_INET, kind)
        self.watch.seen()
        with near:
            if mark:
                near.setsockopt(socket.SOL_SOCKET, 36, mark)  # SO_MARK
            if bind:
                near.bind((bind, 0))
            source, far = self.converse(near, service, to, port, protocol)
            if far:
                far.close()
        self.last = self.watch.seen()
        # Its own packets: of the one before, to the same, a late one may still have come.
        devices = {p.device for p in self.last if p.device in self.uplinks() and
                   (p.to, p.dport, p.sport) == (to, port, source[1])}
        return Way(sorted(devices), source[0])

    def goes_by(self, name, protocol, to, port, **kw):
        """All packets of a new connection leave by this link, with its address."""
        way = self.way(protocol, to, port, **kw)
        return way == Way([name], self.local(name))

    def new_flows(self, n, netns=None, port=4000):
        """Sends a packet to each of so many hosts. Returns {link: number that arrived by it}.

        Other hosts each time: what has been sent to one lately may go where it went.
        """
        self.called += n
        base = nth('198.18.128.0', self.called - n)
        service = self.service('inet', 'udp', port)
        with within(netns):
            near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with near:
            came = collections.Counter()
            for first in range(0, n, 50):
                for i in range(first, min(first + 50, n)):
                    near.sendto(b'new', (nth(base, i), port))
                while sum(came.values()) < min(first + 50, n):
                    came[service.recvfrom(64)[1][0]] += 1
        names = {self.local(name): name for name in self.links if self.is_up(name)}
        return {names.get(source, source): count for source, count in came.items()}

    @contextlib.contextmanager
    def lan_in_use(self, flows=20, port=4100):
        """All the while the LAN sends: in flows through NAT, of which none is to lose a packet or to
        move, and last words of a connection that nobody knows any more, which are to go nowhere.
        """
        ended = threading.Event()
        fin = struct.pack('!HHIIBBHHH', 4711, port, 1, 1, 5 << 4, 0x11, 1024, 0, 0)

        def last_words():
            while not ended.wait(0.01):
                raw.sendto(fin, (nth(STREAMS, flows), 0))

        with within('lan'):
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        speaker = threading.Thread(target=last_words)
        counter = self.lab.counter(port=port)
        stream = self.lab.stream('-f', flows, '-r', 200, '-n', 10 ** 7, netns='lan', to=STREAMS,
                                 port=port)
        received = 0
        with raw:
            speaker.start()
            try:
                while received < 2 * flows:
                    received += counter.read()['received']
                yield
            finally:
                ended.set()
                speaker.join()
                sent = finish(stream)['sent']
        rest = counter.settle(sent - received)
        counter.close()
        account = {'moved': rest['moved'], 'lost': sent - received - rest['received']}
        assert account == {'moved': 0, 'lost': 0}, account

    def open(self, port=7000, netns='lan'):
        """Opens a connection that is to stay open."""
        self.opened += 1
        to = nth('198.18.32.0', self.opened)
        service = self.service('inet', 'tcp', port)
        with within(netns):
            near = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        (source, _), far = self.converse(near, service, to, port, 'tcp')
        # A source that is no link's is kept on its way: it is a routed prefix of the first one's.
        name = [*[name for name in self.links if self.is_up(name) and self.local(name) == source],
                *self.links][0]
        return Conversation(near, far, name, self.lives[name])

    def connection_over(self, name, netns):
        """Both ends of a new connection that happens to take this link."""
        for _ in range(1000):
            made = self.open(netns=netns)
            if made.link == name:
                return made.near, made.far
            made.close()
        raise AssertionError(f'1000 connections, and none takes {name}')

    def open_from_outside(self, name, port):
        """The same, to an address of the host's link, and so to port 80 of the LAN's host."""
        service = self.service('lan', 'tcp', 80)
        with within('inet'):
            near = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        near.bind((self.client(), 0))
        _, far = self.converse(near, service, self.local(name), port, 'tcp')
        return Conversation(near, far, name, self.lives[name], from_outside=True)

    def keep_open(self, n, names, published):
        """Sees to open connections over each link that is up.

        n: so many of the LAN to outside, over links of these names
        published: and one from outside to the LAN; {link's name: port that is the LAN's port 80}
        """
        gone = [c for c in self.conversations
                if not self.is_up(c.link) or c.life != self.lives[c.link]]
        for c in gone:
            self.conversations.remove(c)
            c.close()
        visited = [c.link for c in self.conversations if c.from_outside]
        for name, port in published.items():
            if self.is_up(name) and name not in visited:
                self.conversations.append(self.open_from_outside(name, port))
        for _ in range(1000):
            count = collections.Counter(c.link for c in self.conversations if not c.from_outside)
            if all(count[name] >= n for name in names if self.is_up(name)):
                return
            made = self.open()
            if count[made.link] < n:
                self.conversations.append(made)
            else:
                made.close()
        raise AssertionError(f'no new connection takes one of the links: {count}')

    def that_stop(self, from_outside):
        """Links of open connections that do not go on: there should be none. And number of all."""
        kept = [c for c in self.conversations if c.from_outside == from_outside]
        return [c.link for c in kept if not c.goes_on()], len(kept)

    def dropped(self):
        """What providers have dropped because its source was not their customer's."""
        return {provider.name: provider.foreign() for provider in self.lab.providers}

    def close(self):
        for c in self.conversations:
            c.close()
        for made in self.services.values():
            made.close()
        self.watch.socket.close()
        for prefix in self.abroad:
            ip('route', 'del', 'local', prefix, 'dev', 'lo', netns='inet', check=False)
        for nic in self.inside:
            ip('link', 'del', nic, check=False)
        for to, saved in self.installed:
            if saved:
                shutil.copy2(saved, to)
            elif os.path.exists(to):
                os.unlink(to)
        for path, value in self.settings.items():
            if os.path.exists(path):  # or it was an interface's that is gone
                with open(path, 'w') as f:
                    f.write(value)


@contextlib.contextmanager
def site(build, world, folder, example):
    """The lab with a site in it, for all tests of a module. Clean at the end, or it says so."""
    lab = Lab(world, folder, f'{build}/test/system/packets')
    before = foreign()
    made = Site(lab, example)
    try:
        yield made
    finally:
        made.close()
        lab.close()
        for name, nic in made.renamed:
            run('ip', '-batch', '-', check=False, stdin=f'link set {name} down\n'
                f'link set {name} name {nic}\nlink set {nic} up\n')
    assert_unchanged(before)
