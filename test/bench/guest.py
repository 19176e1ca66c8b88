# SPDX-License-Identifier: LGPL-2.1-or-later
"""What run --vm measures in the virtual machine, where there is PPP: real pppds of a host with
several providers, as the system tests have them.

  guest.py [PART...]      parts: callback lost moved memory

Prints what it sees, and leaves vm.json in $VM_OUT after every part. The machine is emulated: its
times compare with each other and with nothing else; counts are counts.
"""

import importlib.machinery
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, f'{SOURCE}/test/system')

from lab import Lab, World, finish, flush_ours, ip, masquerade, run, sysctl, until  # noqa: E402

BUILD = os.path.join(SOURCE, os.environ['MULTIHOME_BUILD'])
PROVIDERS = (1, 2, 3)


def load_run():
    """The program beside this file; its name is no module's."""
    loader = importlib.machinery.SourceFileLoader('bench_run', f'{HERE}/run')
    spec = importlib.util.spec_from_loader('bench_run', loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


bench = load_run()

# The scripts of the howto as pppd's: it runs them with the interface, its address, ... and each
# rewrites the multipath default over all links that are up.

SCRIPT = '''\
#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
case $1 in isp*) ;; *) exit 0 ;; esac # the providers' pppds run it too
mkdir -p /run/howto
exec 9>/run/howto/lock
flock 9
touch /run/howto/up
table=$((100 + ${{1#isp}}))
{event}
default=
while read -r name; do
	default="$default nexthop dev $name weight 1"
done </run/howto/up
[ -z "$default" ] || ip route replace default scope global $default
ip route flush cache
exit 0
'''
EVENTS = {
    'ip-up': '''\
ip route replace default dev "$1" src "$4" table "$table"
ip rule del from "$4" table "$table" 2>/dev/null
ip rule add from "$4" table "$table"
grep -vx "$1" /run/howto/up >/run/howto/new
echo "$1" >>/run/howto/new
mv /run/howto/new /run/howto/up''',
    'ip-down': '''\
ip rule del from "$4" table "$table"
ip route flush table "$table" 2>/dev/null
grep -vx "$1" /run/howto/up >/run/howto/new
mv /run/howto/new /run/howto/up'''}


def install_scripts():
    for name, event in EVENTS.items():
        with open(f'/etc/ppp/{name}', 'w') as f:
            f.write(SCRIPT.format(event=event))
        os.chmod(f'/etc/ppp/{name}', 0o755)


def remove_scripts():
    for name in EVENTS:
        with open(f'/etc/ppp/{name}', 'w') as f:
            f.write('#!/bin/sh\nexit 0\n')
        os.chmod(f'/etc/ppp/{name}', 0o755)
    run('rm', '-rf', '/run/howto')


def plain(link):
    """The same link without the plugin. Up is when its ip-up has ended."""
    link.options = re.sub(r'^(plugin multihome.so|multihome-.*)\n', '', link.options, flags=re.M)
    link.options += 'debug\n'
    link.write()

    def wait_up(mark=0, seconds=60):
        link.wait_log('remote IP address', mark, seconds)
        link.wait_log('Script /etc/ppp/ip-up finished', mark, seconds)
        return link
    link.wait_up = wait_up
    return link


def stop(link, number=signal.SIGTERM):
    """Until its scripts have ended, too."""
    link.stop(number)
    until('the scripts have ended', lambda: not run('pgrep', '-f', '/etc/ppp/ip-', check=False))


class Bed:
    def __init__(self, folder):
        self.folder = folder
        self.world = World(folder)
        self.lab = None

    def __enter__(self):
        self.lab = Lab(self.world, self.folder, f'{BUILD}/test/system/packets')
        return self.lab

    def __exit__(self, *args):
        self.lab.close()
        for family in '-4', '-6':
            ip(family, 'rule', 'flush', check=False)
        ip('rule', 'add', 'lookup', 'main', 'pref', '32766', check=False)
        ip('rule', 'add', 'lookup', 'default', 'pref', '32767', check=False)
        ip('-6', 'rule', 'add', 'lookup', 'main', 'pref', '32766', check=False)
        ip('route', 'flush', 'default', check=False)
        remove_scripts()


# callback

def stamps():
    path = '/run/multihome-stamps'
    if not os.path.exists(path):
        return []
    with open(path) as f:
        found = [line.split() for line in f]
    os.unlink(path)
    return [(event, float(wall) / 1e3, float(cpu) / 1e3) for event, wall, cpu in found]


def measure_callback(bed, n, rounds):
    """One real pppd beside n - 1 other links, which are tun interfaces brought up by the library;
    then, in the same machine, the ways of run."""
    row = {'links': n, 'callback_up': [], 'callback_down': []}
    with bed as lab, tempfile.TemporaryDirectory() as folder:
        tuns = bench.make_tuns(n)
        bench.write_ways(folder, n)
        if n > 1:
            ways = ['library', 'replay'] + ['batch', 'script'] * (n <= bench.IP_GROUP_MAX)
            row.update(bench.event('rounds', n, rounds, '/run/multihome', folder, *ways))
        run(f'{BUILD}/tools/multihome', 'down', 't1')
        provider = lab.provider(1)
        stamp = f'plugin {BUILD}/test/bench/stamp.so\n'
        link = lab.pty(provider, 'isp1', provider.address(10), stamp,
                       common=f'{stamp}noauth\nlcp-echo-interval 0\nnoipv6\n')
        stamps()
        for _ in range(rounds):
            link.up()
            link.stop()
        for event, wall, cpu in stamps():
            row[f'callback_{event}'].append([wall, cpu])
        flush_ours()
        if bench.prepare_howto(folder, n):
            row.update(bench.event('rounds', n, rounds, f'{folder}/run', folder, 'howto'))
        for fd in tuns:
            os.close(fd)
    return row


def part_callback(bed):
    rows = []
    for n, rounds in (2, 7), (4, 7), (16, 7), (60, 7), (64, 5), (256, 5):
        rows.append(measure_callback(bed, n, rounds))
        print('callback', n, {k: v for k, v in rows[-1].items() if k.startswith('callback')},
              flush=True)
    return rows


# packets lost

class Default:
    """Looks all the time whether this host has a way to the server. A context."""

    def __enter__(self):
        self.gone = 0.0
        self.looks = 0
        self.running = True
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    @staticmethod
    def is_absent():
        """A new socket each time: one that is connected anew keeps its first source."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.connect(('198.18.200.1', 9))
            except OSError:
                return True
        return False

    def look(self):
        before, absent = time.monotonic(), False
        while self.running:
            now_absent = self.is_absent()
            now = time.monotonic()
            if absent and now_absent:
                self.gone += now - before
            before, absent = now, now_absent
            self.looks += 1
            time.sleep(0.001)

    def __exit__(self, *args):
        self.running = False
        self.thread.join()


def make_links(lab, config, numbers):
    made = []
    for n in numbers:
        provider = lab.provider(n)
        link = lab.pty(provider, provider.name, provider.address(10))
        made.append(link if config == 'multihome' else plain(link))
    if config == 'script':
        install_scripts()
    for link in made:
        link.up()
    if config == 'route':
        hops = [word for n in numbers for word in ('nexthop', 'dev', f'isp{n}', 'weight', '1')]
        ip('route', 'replace', 'default', *hops)
    return made


def destination_of(lab, source):
    """A server address to which packets of the LAN leave by the link with that address."""
    counter = lab.counter(port=4009)
    for n in range(1, 200):
        lab.send('-n', 1, netns='lan', to=f'198.18.100.{n}', port=4009)
        if source in counter.settle(0.2)['sources']:
            counter.close()
            return f'198.18.100.{n}'
    raise AssertionError('no flow goes by it: ' + run('ip', 'route'))


RATE = 500


def measure_lost(bed, config, how):
    """A LAN host's flow over isp2, while isp1 goes, and is back a few seconds later."""
    with bed as lab:
        lab.lan()
        masquerade()
        one, two = make_links(lab, config, (1, 2))
        to = destination_of(lab, two.local())
        counter = lab.counter()
        with Default() as default:
            stream = lab.stream('-r', RATE, '-n', 10 ** 6, netns='lan', to=to)
            time.sleep(1)
            stop(one, signal.SIGTERM if how == 'graceful' else signal.SIGKILL)
            time.sleep(3)
            one.up()
            time.sleep(1)
            sent = finish(stream)
        seen = counter.settle()
        row = {'config': config, 'how': how, 'sent': sent['sent'], 'rate': RATE,
               'lost': sent['sent'] - seen['received'], 'gone': round(default.gone, 4),
               'looks': default.looks}
    print('lost', row, flush=True)
    return row


def part_lost(bed):
    return [measure_lost(bed, config, how) for config in ('multihome', 'script', 'route')
            for how in ('graceful', 'kill -9') for _ in range(3)]


# flows moved

FLOWS = 300


class Ways:
    """Notes in front of the server by which provider each flow comes."""

    def __init__(self, inet):
        self.inet = inet
        inet.run('nft', '-f', '-', stdin="""
            table inet ways {
                set seen { type ifname . ipv4_addr; size 65536; flags dynamic; }
                chain input {
                    type filter hook input priority 0;
                    udp dport 4000 add @seen { iifname . ip daddr }
                }
            }""")

    def read(self, seconds):
        """By destination, the providers of the next few seconds."""
        self.inet.run('nft', 'flush', 'set', 'inet', 'ways', 'seen')
        time.sleep(seconds)
        out = json.loads(self.inet.run('nft', '-j', 'list', 'set', 'inet', 'ways', 'seen'))
        found = {}
        for entry in out['nftables']:
            for element in entry.get('set', {}).get('elem', []):
                provider, destination = element['concat']
                found.setdefault(destination, set()).add(provider)
        return found

    def close(self):
        self.inet.run('nft', 'delete', 'table', 'inet', 'ways')


def measure_moved(bed, config):
    """Active flows of a LAN over three links; one of these goes, and comes back."""
    rows = []
    with bed as lab:
        lab.lan()
        masquerade()
        links = make_links(lab, config, PROVIDERS)
        ways = Ways(lab.inet)
        stream = lab.stream('-f', FLOWS, '-r', 1000, '-n', 10 ** 7, netns='lan', to='198.18.4.0')
        time.sleep(3)
        for event in 'down', 'up':
            before = ways.read(3)
            if event == 'down':
                stop(links[2])
            else:
                links[2].up()
            time.sleep(1)
            after = ways.read(3)
            stay = {flow: way for flow, way in before.items() if way != {'isp3'}}
            moved = [flow for flow, way in stay.items() if after.get(flow) != way]
            rows.append({'config': config, 'event': event, 'flows': len(stay),
                         'moved': len(moved)})
            print('moved', rows[-1], flush=True)
        finish(stream)
        ways.close()
    return rows


def part_moved(bed):
    return [row for config in ('multihome', 'script') for row in measure_moved(bed, config)]


# memory

def memory_of(pid):
    """Of a process, in KiB."""
    found = {}
    for path in f'/proc/{pid}/smaps_rollup', f'/proc/{pid}/status':
        with open(path) as f:
            for key, value in re.findall(r'^(\w+):\s+(\d+) kB$', f.read(), flags=re.M):
                found[key] = int(value)
    return {'private': found['Private_Dirty'] + found['Private_Clean'],
            'private_dirty': found['Private_Dirty'], 'anonymous': found['RssAnon'],
            'peak_resident': found['VmHWM']}


def most_memory_of(pid):
    """While a script is being started its process shares all of pppd's memory."""
    found = []
    for _ in range(30):
        found.append(memory_of(pid))
        time.sleep(0.1)
    return max(found, key=lambda one: one['private'])


def measure_memory(bed, n, with_plugin):
    with bed as lab, tempfile.TemporaryDirectory() as folder:
        tuns = bench.make_tuns(n)
        if with_plugin:
            bench.event('rounds', n - 1, 1, '/run/multihome', folder, 'library')
        provider = lab.provider(1)
        link = lab.pty(provider, 'isp1', provider.address(10))
        (link if with_plugin else plain(link)).up()
        row = {'links': n, 'plugin': with_plugin, **most_memory_of(link.process.pid)}
        link.stop()
        for fd in tuns:
            os.close(fd)
    print('memory', row, flush=True)
    return row


def part_memory(bed):
    return [measure_memory(bed, n, with_plugin) for n, with_plugin in (
        (2, False), (2, True), (16, True), (64, True), (256, True))]


PARTS = {'lost': part_lost, 'moved': part_moved, 'memory': part_memory, 'callback': part_callback}


def main():
    subprocess.run(['meson', 'install', '--no-rebuild', '--quiet', '-C', BUILD], check=True)
    subprocess.run(['ldconfig'], check=True)
    sysctl('net.ipv6.conf.default.disable_ipv6', 1)
    figures = {'machine': bench.machine()}
    failed = 0
    remove_scripts()
    with tempfile.TemporaryDirectory() as folder:
        bed = Bed(folder)
        for name in sys.argv[1:] or PARTS:
            try:
                figures[name] = PARTS[name](bed)
            except Exception:  # one part that fails must not cost the figures of the others
                traceback.print_exc()
                failed = 1
            with open(f'{os.environ["VM_OUT"]}/vm.json', 'w') as f:
                json.dump(figures, f)
        bed.world.close()
    return failed


if __name__ == '__main__':
    sys.exit(main())
