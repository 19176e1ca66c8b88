# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demonstration that examples/demo runs: two real PPPoE lines, and the end of one of them."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import lab as lab_module
from lab import Link, finish, group_members

BOLD, PLAIN = ('\033[1m', '\033[0m') if sys.stdout.isatty() else ('', '')
PEERS = os.path.join(os.path.dirname(__file__), '..', '..', 'examples', 'two-lines', 'peers')
CONNECTIONS = 1000

SERVE = r'''
import collections, socket, sys
listener = socket.create_server(('0.0.0.0', 80), backlog=1024)
print('ready', flush=True)
seen = collections.Counter()
for _ in range(int(sys.argv[1])):
    conn, (address, _) = listener.accept()
    conn.sendall(b'hello\n')
    conn.close()
    seen[address] += 1
for address, n in seen.items():
    print(address, n, flush=True)
'''


def step(text):
    print(f'\n{BOLD}== {text}{PLAIN}', flush=True)


def show(*command):
    print(f'{BOLD}# {" ".join(command)}{PLAIN}', flush=True)
    out = subprocess.run(command, capture_output=True, text=True).stdout
    print(''.join(f'  {line.rstrip()}\n' for line in out.splitlines()), end='', flush=True)


class PeersFile(Link):
    """A link whose peers file is the example's, but for the name of its Ethernet here."""

    def __init__(self, lab, provider):
        name = provider.name
        with open(os.path.join(PEERS, name)) as f:
            options = f.read()
        options = re.sub(r'^nic-eth\d$', f'nic-{provider.serve_pppoe()}', options, flags=re.M)
        super().__init__(lab, name, options)


def connections(lab, links):
    """1,000 TCP connections to 1,000 addresses, and how many the server saw from each line."""
    server = subprocess.Popen(['nsenter', '--net=/run/netns/inet', '/usr/bin/python3', '-c', SERVE,
                               str(CONNECTIONS)], stdout=subprocess.PIPE, text=True)
    lab.helpers.append(server)
    assert server.stdout.readline() == 'ready\n'

    for i in range(CONNECTIONS):
        with socket.create_connection((f'198.18.{i // 250}.{i % 250 + 1}', 80), timeout=30) as conn:
            conn.recv(16)
    out, _ = server.communicate(timeout=60)
    seen = dict(line.split() for line in out.splitlines())
    for link in links:
        n = int(seen.get(link.local(), 0))
        bar = '#' * round(50 * n / CONNECTIONS)
        print(f'  {link.name}  {link.local():<13} {n:4} of {CONNECTIONS}  {100 * n / CONNECTIONS:5.1f} %  '
              f'{bar}')
    return {link.name: int(seen.get(link.local(), 0)) for link in links}


def watch(lab, counter, source, what, event):
    """Streams 1,000 packets a second from a line's address while something happens."""
    stream = lab.stream('-s', source, '-r', 1000, '-n', 10 ** 6)
    time.sleep(1)
    event()
    time.sleep(1)
    sent = finish(stream)
    seen = counter.settle(sent['sent'])
    lost = sent['sent'] - seen['received']
    print(f'  {what}: {sent["sent"]} packets sent over isp2, {seen["received"]} arrived, '
          f'{BOLD}{lost} lost{PLAIN}')
    return lost


def main():
    build = os.environ['MULTIHOME_BUILD']
    subprocess.run(['meson', 'install', '--no-rebuild', '--quiet', '-C', build], check=True)
    subprocess.run(['ldconfig'], check=True)
    folder = tempfile.mkdtemp()
    failures = []

    step('Two providers with PPPoE servers, which drop foreign sources, and a server behind both')
    world = lab_module.World(folder)
    lab = lab_module.Lab(world, folder, os.path.abspath(f'{build}/test/system/packets'))
    counter = lab.counter()
    one, two = (PeersFile(lab, lab.provider(n)) for n in (1, 2))

    step('Both lines come up: pppd call isp1; pppd call isp2  (examples/two-lines/peers)')
    for link in one, two:
        link.up()
        print('  ' + re.findall('multihome: .* up: .*', link.log())[-1])
    show('ip', 'rule')
    show('ip', 'route', 'show', 'table', '77001')
    show('ip', 'nexthop')
    show('ip', 'route', 'show', 'default')
    show('multihome', 'status')

    step(f'{CONNECTIONS} new TCP connections to the server, shared 8 to 2')
    shares = connections(lab, (one, two))
    if not 700 <= shares['isp1'] <= 900:
        failures.append('shares are not 8 to 2')

    step('1,000 packets a second over isp2, while isp1 is killed (kill -9) and comes back')
    if watch(lab, counter, two.local(), 'kill -9 of isp1\'s pppd', one.kill):
        failures.append('packets lost on kill -9')
    if group_members() != {'isp2': 2}:
        failures.append('the default is not isp2 alone')
    show('ip', 'route', 'show', 'default')
    if watch(lab, counter, two.local(), 'isp1 comes back        ', one.up):
        failures.append('packets lost when isp1 came back')
    if group_members() != {'isp1': 8, 'isp2': 2}:
        failures.append('isp1 is not back in the default')
    if watch(lab, counter, two.local(), 'isp1 ends properly     ', one.stop):
        failures.append('packets lost when isp1 ended')
    two.stop()

    step('Both lines are down: nothing is left')
    show('ip', 'rule')
    show('ip', 'nexthop')
    if lab_module.ours():
        failures.append('something is left')
    counter.close()
    lab.close()
    world.close()
    shutil.rmtree(folder)
    step('All as promised' if not failures else 'NOT as promised: ' + '; '.join(failures))
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
