# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small Internet in network namespaces, for a host with several providers.

         host (where the tests run)
          |            |            |
       ppp "isp1"   ppp "isp2"   ...        real pppd on both sides,
          |            |            |       over PPPoE or a pseudo-terminal
        [isp1]       [isp2]        ...      providers: drop foreign sources
          |            |            |
          +---------[inet]----------+       a server behind all of them

In IPv6, for those who ask for it, a session of provider N gets an address by router advertisement
in 2001:db8:N:S::/64, and 2001:db8:N:S00::/56 by DHCPv6, S being the number of the session.

The namespace the caller runs in is the host. What a test makes goes with Lab.close(); the providers
and the server stay for the next one, see World. What is
to be seen in it is said by the tests; how the host shares its links is multihome's part.
"""

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import time

SERVER = '198.18.0.1'  # and all of 198.18.0.0/16 behind it: RFC 2544, for tests of this kind
SERVER6 = '2001:db8:ffff::1'  # and all of 2001:db8:ffff::/48 behind it
DUID = '00:01:00:01:2a:bc:de:f0:02:00:00:00:00:01'  # of the host, whose customer numbers these are
PATIENCE = 60  # seconds for what takes one or two, on a machine that is emulated or busy


def inside(netns):
    """What to put before a command. Not "ip netns exec", which mounts a /sys each time."""
    return ('nsenter', f'--net=/run/netns/{netns}') if netns else ()


def run(*args, check=True, netns=None, stdin=None):
    """Runs a command to its end. Returns its standard output."""
    args = inside(netns) + args
    done = subprocess.run(args, input=stdin, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if check and done.returncode:
        raise AssertionError(f'{" ".join(args)}: exit {done.returncode}: {done.stderr.strip()}')
    return done.stdout


def ip(*args, netns=None, check=True):
    return run('ip', *(('-n', netns) if netns else ()), *args, check=check)


def ip_json(*args, netns=None):
    out = ip('-j', '-d', *args, netns=netns)
    return json.loads(out) if out.strip() else []


def pids(netns, *names):
    """Processes in a namespace, those of these names if any are given."""
    there = os.stat(f'/run/netns/{netns}')
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError):  # it has just ended
            if not os.path.samestat(os.stat(f'/proc/{pid}/ns/net'), there):
                continue
            with open(f'/proc/{pid}/comm') as f:
                if not names or f.read().strip() in names:
                    found.append(int(pid))
    return found


def family(prefix):
    return ['-6'] if ':' in prefix else []


def sysctl(name, value=None, netns=None):
    if value is None:
        return run('sysctl', '-n', name, netns=netns).strip()
    run('sysctl', '-q', '-w', f'{name}={value}', netns=netns)
    return None


def until(what, condition, seconds=PATIENCE):
    """Waits for a condition. What it returns when it is true at last is returned."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f'{what}: not within {seconds} s'
        time.sleep(0.02)


def pppd_version():
    out = subprocess.run(['pppd', '--version'], capture_output=True, text=True)
    return tuple(int(n) for n in re.search(r'(\d+)\.(\d+)\.(\d+)', out.stdout + out.stderr).groups())


PPPD_25 = shutil.which('pppd') is not None and pppd_version() >= (2, 5)
PPPOE_PLUGIN = 'pppoe.so' if PPPD_25 else 'rp-pppoe.so'


# What a provider does for the IPv6 of a session, in /etc/ppp/ipv6-up.d and ipv6-down.d, where the
# host's own hooks are, too: the providers' sessions have an ipparam that tells them.
SESSION_UP = '''#!/bin/sh
case $PPP_IPPARAM in lab-*) ;; *) exit 0 ;; esac
provider=${PPP_IPPARAM#lab-}
cd /run/lab6/$provider || exit
. ./settings
session=$(flock number sh -c 'n=$(cat number); echo $((n + 1)) >number; printf %x $((n + 1))')
echo $session >$PPP_IFACE.session
net=2001:db8:${provider#isp}
ip -6 -batch - <<END
addr add $net:$session::1/64 dev $PPP_IFACE nodad
route add $net:${session}00::/56 via $PPP_REMOTE dev $PPP_IFACE
END
if [ $ra ]; then
	cat >$PPP_IFACE.radvd.conf <<-END
	interface $PPP_IFACE {
		AdvSendAdvert on;
		MinRtrAdvInterval 3;
		MaxRtrAdvInterval 6;
		prefix $net:$session::/64 { };
	};
	END
	radvd -C $PPP_IFACE.radvd.conf -p $PWD/$PPP_IFACE.radvd.pid -m logfile -l $PWD/radvd.log
fi
if [ $pd ]; then
	cat >$PPP_IFACE.dhcp6s.conf <<-END
	host customer {
		duid DUID;
		prefix $net:${session}00::/56 $pd;
		address $net:$session::d $pd;
	};
	END
	dhcp6s -c $PPP_IFACE.dhcp6s.conf -P $PWD/$PPP_IFACE.dhcp6s.pid -k /dev/null $PPP_IFACE
fi
'''.replace('DUID', DUID)
SESSION_DOWN = '''#!/bin/sh
case $PPP_IPPARAM in lab-*) ;; *) exit 0 ;; esac
cd /run/lab6/${PPP_IPPARAM#lab-} || exit
for pid in $PPP_IFACE.*.pid; do
	[ ! -e $pid ] || kill $(cat $pid)
done
rm -f $PPP_IFACE.*
'''


class Namespace:
    def __init__(self, name):
        self.name = name
        ip('netns', 'add', name)
        batch('link set lo up', netns=name)

    def run(self, *args, **kw):
        return run(*args, netns=self.name, **kw)

    def kill_all(self, *names):
        """Kills its processes of these names, or all. Returns how many there were."""
        killed = 0
        for pid in pids(self.name, *names):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        return killed

    def close(self):
        self.kill_all()
        ip('netns', 'del', self.name, check=False)


class Provider(Namespace):
    """A provider: customers' addresses, a PPPoE server, and a filter on what is not theirs.

    number: 1, 2, ...; customers have 100.64.N.0/24 and 2001:db8:N::/48, and routed prefixes are
        added by route()
    gateway: its own end of every session; a test may have providers share one
    """

    def __init__(self, folder, number):
        super().__init__(f'isp{number}')
        self.folder = folder
        self.number = number
        self.customers = f'100.64.{number}.0/24'
        self.customers6 = f'2001:db8:{number}::/48'
        self.routed = []
        self.server = None
        self.serves = None
        inner, outer = f'10.255.{number}.1', f'10.255.{number}.2'
        inner6, outer6 = f'fd00:255:{number}::1', f'fd00:255:{number}::2'
        nic = f'eth-{self.name}'
        batch(f'link add core netns {self.name} type veth peer name {self.name} netns inet',
              f'link add {nic} type veth peer name lan netns {self.name}')
        run('sysctl', '-q', '-w', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=0',
            'net.ipv4.conf.default.rp_filter=0', 'net.ipv4.conf.core.rp_filter=0',
            'net.ipv6.conf.all.forwarding=1', netns=self.name)
        # What is sent to a customer who is not there ends here, and is not sent back.
        batch(f'addr add {inner}/24 dev core', f'addr add {inner6}/64 dev core nodad',
              'link set core up', 'link set lan up', f'route add default via {outer}',
              f'route add blackhole {self.customers}', f'route add default via {outer6}',
              f'route add unreachable {self.customers6}', netns=self.name)
        batch(f'addr add {outer}/24 dev {self.name}', f'addr add {outer6}/64 dev {self.name} nodad',
              f'link set {self.name} up', f'route add {self.customers} via {inner}',
              f'route add {self.customers6} via {inner6}', netns='inet')
        sysctl(f'net.ipv6.conf.{nic}.disable_ipv6', 1)
        batch(f'link set {nic} up')
        self.reset()

    def reset(self):
        """As it is at the start of a test."""
        self.kill_all('radvd', 'dhcp6s')
        self.serves6()
        with open(f'/run/lab6/{self.name}/number', 'w') as f:
            f.write('0\n')
        for prefix in self.routed:
            ip(*family(prefix), 'route', 'del', prefix, netns='inet', check=False)
            ip(*family(prefix), 'route', 'del', prefix, netns=self.name, check=False)
        self.routed = []
        self.gateway = f'100.64.{self.number}.1'
        # A real provider drops a source that is not its customer's (BCP 38), and so does this one.
        run('nft', '-f', '-', netns=self.name, stdin=f'''
            flush ruleset
            table inet provider {{
                set ours {{ type ipv4_addr; flags interval; elements = {{ {self.customers} }} }}
                counter foreign {{ }}
                counter foreign6 {{ }}
                chain prerouting {{
                    type filter hook prerouting priority 0; policy accept;
                    iifname "core" accept
                    ip6 daddr 2001:db8::/32 ip6 saddr fe80::/10 counter name foreign6 drop
                    ip6 daddr 2001:db8::/32 fib saddr . iif oif missing counter name foreign6 drop
                }}
                chain forward {{
                    type filter hook forward priority 0; policy accept;
                    oifname "core" meta nfproto ipv4 ip saddr != @ours counter name foreign drop
                }}
            }}''')

    def serves6(self, ra=True, pd=600):
        """Says what sessions that begin from now on get, and by what.

        ra: whether there are router advertisements, with an address and a default route
        pd: the lifetime, in seconds, of what DHCPv6 gives: a prefix and an address; 0: nothing
        """
        folder = f'/run/lab6/{self.name}'
        os.makedirs(folder, exist_ok=True)
        with open(f'{folder}/settings', 'w') as f:
            f.write(f'ra={"yes" if ra else ""}\npd={pd or ""}\n')

    def foreign6(self):
        """The same of IPv6: those that could not be answered by the session they came from."""
        return self.count('foreign6')

    def count(self, counter):
        out = self.run('nft', '-j', 'list', 'counter', 'inet', 'provider', counter)
        return [e['counter']['packets'] for e in json.loads(out)['nftables'] if 'counter' in e][0]

    def route(self, prefix, via):
        """A prefix that is routed to a customer: via his address, or in IPv6 by an interface."""
        self.routed.append(prefix)
        if ':' in prefix:
            ip('-6', 'route', 'replace', prefix, 'via', f'fd00:255:{self.number}::1', netns='inet')
            ip('-6', 'route', 'replace', prefix, 'dev', via, netns=self.name)
            return
        run('nft', 'add', 'element', 'inet', 'provider', 'ours', f'{{ {prefix} }}',
            netns=self.name)
        ip('route', 'replace', prefix, 'via', f'10.255.{self.number}.1', netns='inet')
        ip('route', 'replace', prefix, 'via', via, netns=self.name)

    def foreign(self):
        """Number of packets dropped because their source is not a customer's."""
        return self.count('foreign')

    def serve_pppoe(self, sessions=32, options='', ipv6=False):
        """Starts a PPPoE server behind the host's interface eth-ispN, and returns that name.

        sessions: addresses it has: with 1 a customer always gets the same one
        options: more lines for its pppd, read at the start of each session
        ipv6: sessions have IPv6, too; see serves6()
        """
        nic = f'eth-{self.name}'
        path = f'{self.folder}/{self.name}-server-options'
        with open(path, 'w') as f:
            f.write(f'noauth\nnodefaultroute\nlcp-echo-interval 0\nipparam lab-{self.name}\n'
                    f'{"" if ipv6 else "noipv6"}\n{options}')
        if self.server and self.server.poll() is None:
            if self.serves == (sessions, self.gateway):
                return nic
            self.server.kill()
            self.server.wait()
        self.serves = sessions, self.gateway
        command = ['pppoe-server', '-F', '-I', 'lan', '-L', self.gateway, '-R', self.address(10),
                   '-N', str(sessions), '-O', path]
        if PPPD_25:
            version = '.'.join(str(n) for n in pppd_version())
            command += ['-k', '-g', f'/usr/lib/pppd/{version}/pppoe.so']
        log = open(f'{self.folder}/{self.name}-server.log', 'a')
        self.server = subprocess.Popen([*inside(self.name), *command], stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL)
        return nic

    def is_at_rest(self):
        """No session is left, nor a pppd that might still start one, nor what served one."""
        # Scripts first: one that goes on would start the others again.
        return not self.kill_all('ipv6-up', 'ipv6-down', 'run-parts', 'lab', 'pppd', 'radvd', 'dhcp6s')

    def address(self, n):
        return f'100.64.{self.number}.{n}'


class Link:
    """One pppd of the host, started from a peers file as a user has it."""

    def __init__(self, lab, name, options, peer_options=None):
        self.lab = lab
        self.name = name
        self.log_path = f'{lab.folder}/{name}.log'
        self.peers = f'/etc/ppp/peers/{name}'
        self.options = options
        self.peer_options = peer_options
        self.process = None
        self.starts = 0
        self.write()

    def write(self):
        with open(self.peers, 'w') as f:
            f.write(self.options)

    def start(self, *args):
        self.starts += 1
        if self.starts > 1:
            # At the other end of a pty, that of a pppd that was killed may still be in use.
            self.options = re.sub(rf'ifname c-{re.escape(self.name)}(-\d+)? ',
                                  f'ifname c-{self.name}-{self.starts} ', self.options)
            self.write()
        log = open(self.log_path, 'a')
        self.process = subprocess.Popen(
            ['pppd', 'call', self.name, 'nodetach', *args], stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, start_new_session=True)
        self.lab.links.append(self)
        return self

    def log(self):
        with open(self.log_path) as f:
            return f.read()

    def mark(self):
        """Where the log is now; see since()."""
        return os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0

    def since(self, mark):
        with open(self.log_path) as f:
            f.seek(mark)
            return f.read()

    def wait_log(self, text, mark=0, seconds=PATIENCE):
        try:
            until(f'{self.name}: "{text}" in its log', lambda: text in self.since(mark), seconds)
        except AssertionError as e:
            raise AssertionError(f'{e}\n{self.log()}') from None

    def wait_up(self, mark=0, seconds=PATIENCE):
        """Up, and in use: the plugin's line is the last thing of it."""
        def is_up():
            assert self.process.poll() is None, f'{self.name}: pppd has ended:\n{self.log()}'
            return f'multihome: {self.name} up:' in self.since(mark)
        try:
            until(f'{self.name} is up', is_up, seconds)
        except AssertionError as e:
            raise AssertionError(f'{e}\n{self.log()}') from None
        return self

    def up(self, *args):
        mark = self.mark()
        self.start(*args)
        return self.wait_up(mark)

    def ifindex(self):
        return json.loads(run('ip', '-j', 'link', 'show', 'dev', self.name))[0]['ifindex']

    def local(self):
        """The link's IPv4 address, None while it has none."""
        out = run('ip', '-j', '-4', 'addr', 'show', 'dev', self.name, check=False)
        for entry in json.loads(out or '[]'):
            for addr in entry.get('addr_info', []):
                return addr['local']
        return None

    def local6(self):
        """The link's global IPv6 addresses that can be used."""
        out = run('ip', '-j', '-6', 'addr', 'show', 'dev', self.name, 'scope', 'global',
                  check=False)
        return [addr['local'] for entry in json.loads(out or '[]')
                for addr in entry.get('addr_info', []) if addr and not addr.get('tentative')]

    def exists(self):
        return os.path.exists(f'/sys/class/net/{self.name}')

    def tell(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM):
        """Ends pppd. Returns its exit status."""
        if self.process.poll() is None:
            self.tell(number)
        status = self.process.wait(PATIENCE)
        until(f'{self.name} is gone', lambda: not self.exists())
        return status

    def kill(self):
        return self.stop(signal.SIGKILL)


class Counter:
    """Counts test packets in a namespace; see packets.c."""

    def __init__(self, lab, netns='inet', port=4000):
        self.process = subprocess.Popen(
            [*inside(netns), lab.packets, 'count', str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert json.loads(self.process.stdout.readline())['ready']
        lab.helpers.append(self.process)

    def read(self):
        """What arrived since it was last asked."""
        self.process.stdin.write('\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    @staticmethod
    def add(total, more):
        for key in 'received', 'duplicate', 'moved':
            total[key] += more[key]
        for key in 'sources', 'flows':
            for addr, n in more[key].items():
                total[key][addr] = total[key].get(addr, 0) + n

    def wait(self, packets):
        """The same, once so many have arrived. A flow counts once for each look at it."""
        total = self.read()

        def look():
            self.add(total, self.read())
            return total['received'] >= packets
        until(f'{packets} packets have arrived', look)
        return total

    def settle(self, sent=0, quiet=0.4):
        """The same, once nothing has arrived for a while: a longer one if not all that was sent has.

        A machine that stands still for a moment is not to be taken for the end.
        """
        total, silent = self.read(), 0
        while silent < quiet or (total['received'] < sent and silent < 10 * quiet):
            time.sleep(quiet / 2)
            more = self.read()
            silent = 0 if more['received'] else silent + quiet / 2
            self.add(total, more)
        return total

    def close(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)


class World:
    """What all tests share because it takes long to make: server and providers, all at rest."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.inet = Namespace('inet')
        run('sysctl', '-q', '-w', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=0',
            'net.ipv4.conf.default.rp_filter=0', 'net.ipv6.conf.all.forwarding=1', netns='inet')
        batch(f'addr add {SERVER}/32 dev lo', f'addr add {SERVER6}/128 dev lo nodad',
              'route add local 198.18.0.0/16 dev lo',
              'route add local 2001:db8:ffff::/48 dev lo', netns='inet')
        self.hooks = []
        for event, script in ('up', SESSION_UP), ('down', SESSION_DOWN):
            self.hooks.append(f'/etc/ppp/ipv6-{event}.d/lab')
            with open(self.hooks[-1], 'w') as f:
                f.write(script)
            os.chmod(f.name, 0o755)
        self.providers = {n: Provider(self.folder, n) for n in (1, 2, 3)}

    def close(self):
        for hook in self.hooks:
            os.unlink(hook)
        for provider in self.providers.values():
            provider.close()
        self.inet.close()


class Lab:
    """The links, processes and files of one test."""

    def __init__(self, world, folder, packets):
        self.world = world
        self.inet = world.inet
        self.folder = str(folder)
        self.packets = packets
        self.providers = []
        self.namespaces = []
        self.links = []
        self.helpers = []
        self.forwards6 = None  # the interface of a LAN that has IPv6
        shutil.rmtree('/run/multihome', ignore_errors=True)

    def namespace(self, name):
        made = Namespace(name)
        self.namespaces.append(made)
        return made

    def provider(self, number, gateway=None):
        found = self.world.providers[number]
        found.gateway = gateway or found.gateway
        self.providers.append(found)
        return found

    def pppoe(self, provider, name=None, extra='', common='noauth\nlcp-echo-interval 0\n',
              ipv6=False):
        """A PPPoE link to a provider, not started yet."""
        name = name or provider.name
        nic = provider.serve_pppoe(ipv6=ipv6)
        return Link(self, name, f'plugin {PPPOE_PLUGIN}\nnic-{nic}\nifname {name}\n'
                    f'noipdefault\nmtu 1492\nmru 1492\n{common}plugin multihome.so\n{extra}')

    def pty(self, provider, name, address, extra='', common='noauth\nlcp-echo-interval 0\nnoipv6\n',
            gateway=None, peer=''):
        """A link over a pseudo-terminal, for tests of what Ethernet has no part in."""
        other = (f'nsenter --net=/run/netns/{provider.name} pppd notty local noauth nodefaultroute noipdefault '
                 f'lcp-echo-interval 0 {"" if "+ipv6" in common else "noipv6"} '
                 f'ipparam lab-{provider.name} '
                 f'ifname c-{name} {gateway or provider.gateway}:{address} {peer}')
        return Link(self, name, f'ifname {name}\nlocal\nnocrtscts\nnoipdefault\n'
                    f'pty "{other}"\n{common}plugin multihome.so\n{extra}')

    def counter(self, **kw):
        return Counter(self, **kw)

    def deepen(self, link):
        """PPP has a queue of 3 packets: what a busy machine cannot pass on at once waits, and is not
        dropped, so that what is lost was lost by routing.
        """
        ip('link', 'set', 'dev', link.name, 'txqueuelen', '10000')
        if os.path.exists(f'/run/netns/{link.name}'):
            ip('link', 'set', 'dev', f'c-{link.name}', 'txqueuelen', '10000', netns=link.name)

    def send(self, *args, netns=None, to=SERVER, port=4000):
        """Sends test packets to the end. Returns what packets.c says of it."""
        return json.loads(run(self.packets, 'send', *[str(a) for a in args], to, str(port),
                              netns=netns))

    def stream(self, *args, netns=None, to=SERVER, port=4000):
        """Starts sending; the process prints its account when it ends, or on SIGTERM."""
        command = [*inside(netns), self.packets, 'send', *[str(a) for a in args], to, str(port)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.helpers.append(process)
        return process

    def lan(self, name='lan', prefix='192.168.7'):
        """A host on a LAN behind this one, and this one its router with NAT."""
        made = self.namespace(name)
        batch(f'link add eth-{name} type veth peer name eth0 netns {name}',
              f'addr add {prefix}.1/24 dev eth-{name}', f'link set eth-{name} up')
        batch(f'addr add {prefix}.2/24 dev eth0', 'link set eth0 up',
              f'route add default via {prefix}.1', netns=name)
        sysctl('net.ipv4.ip_forward', 1)
        return made

    def lan6(self, prefix='fd00:7', **kw):
        """The same with IPv6 addresses as well, which are nobody's, and this host their router."""
        made = self.lan(**kw)
        ip('addr', 'add', f'{prefix}::1/64', 'dev', f'eth-{made.name}', 'nodad')
        ip('addr', 'add', f'{prefix}::2/64', 'dev', 'eth0', 'nodad', netns=made.name)
        ip('-6', 'route', 'add', 'default', 'via', f'{prefix}::1', netns=made.name)
        # A host that forwards heeds no router advertisement unless told to; see close().
        sysctl('net.ipv6.conf.default.accept_ra', 2)
        sysctl('net.ipv6.conf.all.forwarding', 1)
        self.forwards6 = f'eth-{made.name}'
        return made

    def close(self):
        if self.forwards6:
            ip('link', 'del', self.forwards6)  # with its routes, which must not come or go late
            sysctl('net.ipv6.conf.all.forwarding', 0)
            sysctl('net.ipv6.conf.default.accept_ra', 1)
        for process in self.helpers + [link.process for link in self.links if link.process]:
            if process.poll() is None:
                process.kill()
                process.wait()
        for link in self.links:
            if os.path.exists(link.peers):
                os.unlink(link.peers)
        for namespace in self.namespaces:
            namespace.close()
        run('nft', 'flush', 'ruleset')
        for provider in self.providers:
            if self.links:
                until(f'the sessions of {provider.name} have ended', provider.is_at_rest)
            provider.reset()
        flush_ours()


def masquerade(family='ip'):
    """NAT of what leaves by the links, in IPv4 or, with "ip6", in IPv6."""
    run('nft', '-f', '-', stdin=f'''
        table {family} nat {{
            chain postrouting {{
                type nat hook postrouting priority srcnat; policy accept;
                oifname {{ "isp1", "isp2", "isp3" }} masquerade
            }}
        }}''')


def finish(process):
    """Ends a stream. Returns its account."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE)
    return json.loads(out)


def batch(*commands, family=None, netns=None, check=True):
    """Several commands of ip by one process, since starting one takes longer than what it does.

    Returns the lines of them all, one for each object.
    """
    options = [*(['-n', netns] if netns else []), *([family] if family else []),
               *([] if check else ['-force'])]
    return run('ip', *options, '-o', '-batch', '-', check=check,
               stdin='\n'.join(commands) + '\n').splitlines()


def flush_ours():
    """What a test left behind of ours must not reach the next one."""
    # The last one ip spares when it flushes: older kernels have one of the kind in every table.
    for family, *more in ('-4',), ('-6', 'route del unreachable default table 77000 metric '
                                   '4294967295 proto 77'):
        batch('rule flush protocol 77', 'route flush table all proto 77', *more, family=family,
              check=False)
    ip('nexthop', 'flush', 'proto', '77', check=False)
    shutil.rmtree('/run/multihome', ignore_errors=True)


def is_ours(line):
    return 'proto 77' in line or 'proto multihome' in line


def is_rule(line):
    return re.match(r'\d+:\t', line) is not None


def is_nexthop(line):
    return line.startswith('id ')


def ours(family='-4'):
    """Every kernel object of ours, a line each, without what differs from run to run."""
    lines = []
    for line in batch('rule show', 'route show table all proto 77', family=family):
        if not is_rule(line):
            lines.append('route ' + re.sub(r'\s*\\.*', '', line).strip())
        elif is_ours(line):
            lines.append('rule ' + re.sub(r'\s+', ' ', re.sub(r' proto (multihome|77)', '',
                                                             line)).strip())
    for line in ip('nexthop', 'show', 'proto', '77').splitlines():
        lines.append('nexthop ' + re.sub(r' scope \w+| proto (multihome|77)', '', line).strip())
    return lines


def foreign():
    """Everything in the kernel's routing that is not ours: it must never change."""
    lines = [line for line in batch('rule show', 'route show table all', 'nexthop show')
             if not is_ours(line)]
    return {
        'rules': [line for line in lines if is_rule(line)],
        'rules6': [line for line in batch('rule show', family='-6') if not is_ours(line)],
        'nexthops': [line for line in lines if is_nexthop(line)],
        'routes': sorted(line for line in lines if not is_rule(line) and not is_nexthop(line)),
    }


def assert_unchanged(before, seconds=10):
    """What is not ours is as it was. The kernel takes away some of what went with an interface a
    little after that, which is no change.
    """
    end = time.monotonic() + seconds
    while (after := foreign()) != before and time.monotonic() < end:
        time.sleep(0.1)
    changed = {key: sorted(set(after[key]) ^ set(before[key])) for key in before}
    assert after == before, f'what is not ours has changed: {changed}'


def group_members(metric=0, family='-4'):
    """Interfaces and weights of the default that is ours at that metric: {'isp1': 8}"""
    for route in json.loads(ip(family, '-j', '-d', 'route', 'show', 'default')):
        if route.get('protocol') not in ('77', 'multihome') or route.get('metric', 0) != metric:
            continue
        hops = route.get('nexthops') or [route]
        return {hop['dev']: hop.get('weight', 1) for hop in hops}
    return {}


def wait_readable(fd, seconds):
    return bool(select.select([fd], [], [], seconds)[0])
