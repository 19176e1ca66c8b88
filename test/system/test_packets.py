# SPDX-License-Identifier: LGPL-2.1-or-later
"""The promise itself, counted packet by packet: a link that comes or goes costs the others nothing.

Links are real pppds over pseudo-terminals, which lose no packet by themselves if their queues are
deep enough: what is lost here was lost by routing. Counts are exact; nothing is asserted of time.
"""

import os
import signal
import subprocess
import time

import pytest

from lab import finish, group_members, ip, masquerade, run, until, SERVER

RATE = 1000


def links(lab, *weights, extra=''):
    made = []
    for n, weight in enumerate(weights, 1):
        provider = lab.provider(n)
        made.append(lab.pty(provider, provider.name, provider.address(10),
                            f'multihome-weight {weight}\n{extra}'))
    for link in made:
        link.up()
        lab.deepen(link)
    return made


def loses_nothing_beside(lab, source, one, way, to=SERVER, ready=lambda link: True):
    """Streams while the other link goes and comes, 20 events or more and for 5,000 packets or more.

    ready: what is waited for once that link is up
    """
    counter = lab.counter()
    stream = lab.stream('-s', source, '-r', RATE, '-n', 10 ** 6, to=to)
    events, received, sources = 0, 0, set()
    while events < 20 or received < 5 * RATE:
        assert events < 1000, f'{received} packets'
        one.stop(signal.SIGTERM if way == 'graceful' else signal.SIGKILL)
        one.up()
        ready(one)
        events += 2
        part = counter.read()
        received += part['received']
        sources |= set(part['sources'])
    sent = finish(stream)
    rest = counter.settle(sent['sent'] - received)
    lost = sent['sent'] - received - rest['received']
    print(f'{way}: {events} events, {sent["sent"]} packets, {lost} lost')
    assert sent['refused'] == 0 and lost == 0
    assert sources | set(rest['sources']) == {source}


@pytest.mark.parametrize('way', ['graceful', 'kill -9'])
def test_stream_over_a_link_that_stays(lab, way):
    """20 ups and downs of the other link, and not one packet of 1,000 a second is lost."""
    one, two = links(lab, 8, 2)
    assert two.local() == '100.64.2.10'
    loses_nothing_beside(lab, two.local(), one, way)


DOWNLOAD = r'''
import socket, struct, sys, time
mode, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
if mode == 'serve':
    listener = socket.create_server((address, port))
    print('ready', flush=True)
    conn, _ = listener.accept()
    block, end = bytes(range(250)) * 4, time.monotonic() + float(sys.argv[4])
    sent = 0
    while time.monotonic() < end:
        conn.sendall(block)
        sent += len(block)
        time.sleep(0.004)
    conn.shutdown(socket.SHUT_WR)
    conn.recv(1)
    info = conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 224)
    again, = struct.unpack_from('I', info, 100)  # tcpi_total_retrans
    needless, = struct.unpack_from('I', info, 216)  # tcpi_dsack_dups
    print(sent, again, needless, flush=True)
else:
    conn = socket.create_connection((address, port), source_address=(sys.argv[4], 0))
    got = 0
    while True:
        data = conn.recv(65536)
        if not data:
            break
        got += len(data)
    time.sleep(3)  # until the server knows which segments it sent twice
    conn.close()
    print(got, flush=True)
'''


def test_download_over_a_link_that_stays(lab):
    """A TCP download from the server, through the same: every byte, and no segment was lost.

    On a machine that is slow for a moment the server sends a segment again that it need not have:
    the client says so (RFC 2883), and these are no loss.
    """
    one, two = links(lab, 8, 2)
    serve = subprocess.Popen(['nsenter', '--net=/run/netns/inet', '/usr/bin/python3', '-c',
                              DOWNLOAD, 'serve', SERVER, '8080', '25'], stdout=subprocess.PIPE,
                             text=True)
    lab.helpers.append(serve)
    assert serve.stdout.readline() == 'ready\n'
    fetch = subprocess.Popen(['/usr/bin/python3', '-c', DOWNLOAD, 'fetch', SERVER, '8080',
                              two.local()], stdout=subprocess.PIPE, text=True)
    lab.helpers.append(fetch)
    events = 0
    while serve.poll() is None and fetch.poll() is None and events < 20:
        one.stop(signal.SIGTERM if events % 4 else signal.SIGKILL)
        one.up()
        events += 2
    got = int(fetch.communicate(timeout=60)[0])
    sent, again, needless = map(int, serve.communicate(timeout=60)[0].split())
    print(f'{events} events, {sent} bytes, {again} segments sent again, {needless} of them needlessly')
    assert events >= 4
    assert got == sent > 10 ** 6
    assert again == needless


@pytest.mark.parametrize('weights', [(8, 2), (1, 1), (100, 1), (5, 3, 2)], ids=str)
def test_shares_of_new_flows(lab, weights):
    """20,000 new flows are shared as the weights say, within 2 points: over 5 standard deviations."""
    made = links(lab, *weights)
    counter = lab.counter()
    sent = lab.send('-f', 20000, '-n', 20000, '-r', 4000, to='198.18.0.10')
    seen = counter.settle(20000)
    assert seen['received'] == sent['sent'] == 20000
    shares = {link.name: seen['flows'].get(link.local(), 0) / 200 for link in made}
    print('weights', weights, 'shares in %:', shares)
    for link, weight in zip(made, weights):
        assert abs(shares[link.name] - 100 * weight / sum(weights)) <= 2
    assert [lab.providers[n].foreign() for n in range(len(weights))] == [0] * len(weights)


class Flows:
    """Flows of a LAN host through NAT, each sending steadily, so all of them are active."""

    def __init__(self, lab, n, port=4000, base='198.18.4.0'):
        self.lab, self.n = lab, n
        self.counter = lab.counter(port=port)
        self.stream = lab.stream('-f', n, '-r', 1500, '-n', 10 ** 7, netns='lan', to=base,
                                 port=port)

    def settle(self, seconds):
        """Waits until every flow has sent between two looks. Returns the last, and all received."""
        received = 0
        while True:
            time.sleep(seconds)
            seen = self.counter.read()
            received += seen['received']
            if sum(seen['flows'].values()) == self.n:
                return {**seen, 'received': received}
            seconds *= 2
            assert seconds < 100, f'not all flows go on: {seen["flows"]}'


def test_no_active_flow_moves(lab):
    """A second link returns beside a sole one, a third comes and goes: active flows stay.

    They are a LAN's, through NAT: one that moved would leave with a foreign source and be dropped.
    """
    lab.lan()
    masquerade()
    one, two = links(lab, 8, 2)
    three = lab.pty(lab.provider(3), 'isp3', lab.provider(3).address(10), 'multihome-weight 4\n')
    one.stop()
    flows = Flows(lab, 300)
    first = flows.settle(3)
    assert first['flows'] == {'100.64.2.10': 300}
    one.up()
    three.up()
    three.stop()
    three.up()
    three.kill()
    sent = finish(flows.stream)
    rest = flows.counter.settle(sent['sent'] - first['received'])
    lost = sent['sent'] - first['received'] - rest['received']
    print(f'5 events, 300 active flows, {sent["sent"]} packets, {rest["moved"]} flows moved, '
          f'{lost} packets lost')
    assert rest['moved'] == 0 and set(rest['flows']) == {'100.64.2.10'}
    assert lost == 0
    assert sum(provider.foreign() for provider in lab.providers) == 0


def test_returning_link_gets_new_flows_at_once(lab):
    """2,000 flows are active on the sole survivor: the link that returns has its share of new ones.

    At least two thirds of it: a bucket that carries a flow stays where it is (MH_GROUP_BUCKETS).
    """
    lab.lan()
    masquerade()
    one, two = links(lab, 8, 2)
    one.stop()
    flows = Flows(lab, 2000)
    first = flows.settle(6)
    assert first['flows'] == {'100.64.2.10': 2000}
    one.up()
    counter = lab.counter(port=4001)
    lab.send('-f', 1000, '-n', 1000, '-r', 1000, netns='lan', to='198.18.64.0', port=4001)
    seen = counter.settle(1000)
    finish(flows.stream)
    rest = flows.counter.settle()
    share = seen['flows'].get('100.64.1.10', 0) / seen['received']
    print(f'2,000 active flows on isp2; isp1 returns with 80 %: {100 * share:.1f} % of 1,000 new '
          f'flows go by it, {rest["moved"]} active ones moved')
    assert seen['received'] == 1000
    assert share >= 0.8 * 2 / 3
    assert rest['moved'] == 0


def traced_events(lab, others, ready=lambda link: True, **kw):
    """System calls and netlink messages of one up and one down beside so many other links.

    ready: what is waited for once a link is up
    """
    made = []
    provider = lab.provider(1)
    for n in range(others):
        made.append(lab.pty(provider, f'l{n}', provider.address(100 + n), **kw).up())
        ready(made[-1])
    path = f'{lab.folder}/trace-{others}'
    one = lab.pty(provider, 'traced', provider.address(99), **kw)
    mark = one.mark()
    one.process = subprocess.Popen(
        ['strace', '-f', '-o', path, '-e', 'trace=sendto,sendmsg,recvfrom,recvmsg,execve,clone,'
         'clone3,fork,vfork,openat,flock,rename,renameat,unlinkat', 'pppd', 'call', 'traced',
         'nodetach'], stdout=open(one.log_path, 'a'), stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL)
    lab.links.append(one)
    one.wait_up(mark)
    ready(one)
    # By its parent: what pppd forks bears the same command line until it has begun its own.
    run('pkill', '-P', str(one.process.pid))
    one.process.wait(60)
    with open(path) as f:
        trace = f.read().splitlines()
    for link in made:
        link.tell()
    for link in made:
        link.process.wait(60)
    return trace


def whole_calls(trace):
    """The lines of a trace, those put together that were cut as another process had its say."""
    begun = {}
    for line in trace:
        pid = line.split()[0]
        if line.endswith('<unfinished ...>'):
            begun[pid] = line.removesuffix('<unfinished ...>')
        elif ' resumed>' in line and pid in begun:
            yield begun.pop(pid) + line.split(' resumed>', 1)[1]
        else:
            yield line


def event_slices(trace):
    """What pppd did between taking the lock and giving it back, for each event."""
    slices, current, pid = [], None, None
    for line in whole_calls(trace):
        if 'flock(' in line and 'LOCK_EX' in line and '= 0' in line:
            current, pid = [], line.split()[0]
        elif line.split()[0] != pid:
            continue  # a script that pppd has started before
        elif 'flock(' in line and 'LOCK_UN' in line and current is not None:
            slices.append(current)
            current = None
        elif current is not None:
            current.append(line)
    return slices


def test_cost_of_an_event_is_counted(lab):
    """No fork and no exec in an event, and its messages grow no faster than the number of links."""
    counts = {}
    for others in 1, 8:
        trace = traced_events(lab, others)
        slices = event_slices(trace)
        assert len(slices) == 2, 'one up, one down'
        for what, lines in zip(('up', 'down'), slices):
            assert not [line for line in lines if 'exec' in line or 'clone' in line or
                        'fork' in line]
            sends = sum('sendto(' in line or 'sendmsg(' in line for line in lines)
            counts[what, others] = sends, len(lines)
    print('(event, other links): (netlink datagrams sent, system calls traced)', counts)
    # up to 10 to read: addresses, rules, nexthops, 4 of routes, settings of IPv4, 1 probe, and the
    # interface that is new; 1 or 2 to write
    assert counts['up', 1][0] == counts['up', 8][0] <= 13
    assert counts['down', 1][0] == counts['down', 8][0] <= 13
    for what in 'up', 'down':
        assert counts[what, 8][1] <= 8 * counts[what, 1][1]


def test_storm_of_eight(lab):
    """8 pppds come up at once and go at once, again and again: each time the right state."""
    rounds = int(os.environ.get('MULTIHOME_STORM_ROUNDS', 50))
    made = []
    for n in range(8):
        provider = lab.provider(n % 3 + 1)
        made.append(lab.pty(provider, f'storm{n}', provider.address(20 + n),
                            f'multihome-weight {n + 1}\n'))
    for i in range(rounds):
        marks = [link.mark() for link in made]
        for link in made:
            link.start()
        for link, mark in zip(made, marks):
            link.wait_up(mark)
        assert group_members() == {f'storm{n}': n + 1 for n in range(8)}
        for n, link in enumerate(made):
            link.tell(signal.SIGKILL if (i + n) % 4 == 0 else signal.SIGTERM)
        for link in made:
            link.process.wait(60)
        del lab.links[:]
        until('all interfaces are gone', lambda: not any(link.exists() for link in made))
        assert group_members() == {}
    late = sum(link.log().count('another process kept') for link in made)
    last = made[0].up()
    assert [line for line in ip('rule', 'show').splitlines() if 'lookup 77' in line] == [
        f'1200:\tfrom {last.local()} lookup 77001 proto multihome']
    print(f'{rounds} rounds of 8 links, right state each time; the lock was not had within its '
          f'deadline, and the event done a second later, {late} times of {rounds * 16}')
