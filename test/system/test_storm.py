# SPDX-License-Identifier: LGPL-2.1-or-later
"""A storm: 16 real pppds come, go and are killed while others change routing and weights, at once.

It blows in 100 bursts; after each one what was begun is let end, and the kernel is compared with
what the links that live imply, computed here from their options alone. First as it is: all that a
link that lives should have is there, and what is too much is of links that were killed. Then after
one event, which is when such leftovers must be gone: exactly. What is not ours is as the storm
itself has left it, all the time.

  MULTIHOME_STORM_SECONDS   how long it blows, the waiting not counted: 60, or 600 on demand
  MULTIHOME_SEED            of a storm to be seen again: the same actions, though not the same races
  MULTIHOME_STORM_CHECKPOINTS   100; fewer for who is in a hurry

They must be passed to the guest: test/vm/vm --env MULTIHOME_SEED --env MULTIHOME_STORM_SECONDS ...
"""

import collections
import os
import random
import re
import signal
import subprocess
import time

from lab import foreign, ip, ours, until

LINKS = 16
CHECKPOINTS = int(os.environ.get('MULTIHOME_STORM_CHECKPOINTS') or 100)
TOO_LATE = 'for too long'
PATIENT = 'lcp-max-configure 100\nipcp-max-configure 100\n'  # 16 of them at once take long


class StormLink:
    """A link of the storm: its options, and what has been done to it last."""

    def __init__(self, lab, n):
        provider = lab.provider(n % 3 + 1)
        self.n, self.name, self.table = n, f's{n}', 1000 + n
        self.address, self.gateway = provider.address(20 + n), provider.gateway
        self.configured, self.metric = n % 5, 100 if n % 4 == 3 else 0
        self.source = f'203.0.113.{8 * n}/29' if n % 2 else None
        self.mark = f'0x{n + 1:x}' if n % 3 == 0 else None
        extra = (f'multihome-table {self.table}\nmultihome-weight {self.configured}\n'
                 f'multihome-metric {self.metric}\n')
        extra += f'multihome-source {self.source}\n' if self.source else ''
        extra += f'multihome-rule "fwmark {self.mark}"\n' if self.mark else ''
        extra += PATIENT
        self.link = lab.pty(provider, self.name, self.address, extra)
        self.options = self.link.options
        self.starts = 0
        self.runs = False
        self.weight = None
        self.pending = None

    def start(self):
        """The other end has a new name each time: that of a killed one may still be in use."""
        if self.link.process:
            self.await_end()
        self.starts += 1
        self.link.options = self.options.replace(f'ifname c-{self.name} ',
                                                 f'ifname c{self.n}-{self.starts} ')
        self.link.write()
        self.since = self.link.mark()
        self.link.start()
        self.runs, self.weight = True, self.configured

    def end(self, number):
        self.await_weight()
        self.link.tell(number)
        self.runs = False

    def await_end(self):
        self.link.process.wait(60)
        until(f'{self.name} is gone', lambda: not self.link.exists())

    def begin_weight(self, weight):
        self.await_weight()
        self.pending = weight, begin('multihome', 'weight', '--force', self.name, str(weight))

    def await_weight(self):
        """A weight holds where the command said so: the link need not have been up yet."""
        if not self.pending:
            return
        weight, command = self.pending
        out = command.communicate(timeout=60)[0]
        self.pending = None
        if command.returncode == 0:
            self.weight = weight
        else:
            assert TOO_LATE in out or 'no such link' in out, out


def begin(*args):
    return subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


class Strangers:
    """Rules, routes and nexthops of somebody else's, which come and go in the storm."""

    def __init__(self):
        self.there = set()

    @staticmethod
    def commands(key):
        """What adds it, what removes it, and what it looks like."""
        kind, k = key
        rule = f'from 10.66.{k}.0/24 lookup {5000 + k} protocol static'
        return {
            'rule': (('rule', 'add', 'pref', '1200', *rule.split()),
                     ('rule', 'del', 'pref', '1200', *rule.split())),
            'late rule': (('rule', 'add', 'pref', f'{6000 + k}', *rule.split()),
                          ('rule', 'del', 'pref', f'{6000 + k}', *rule.split())),
            'route': (('route', 'add', 'unreachable', f'10.67.{k}.0/24', 'proto', 'static'),
                      ('route', 'del', 'unreachable', f'10.67.{k}.0/24', 'proto', 'static')),
            'route of a table': (
                ('route', 'add', 'unreachable', f'10.68.{k}.0/24', 'table', f'{1000 + k}'),
                ('route', 'del', 'unreachable', f'10.68.{k}.0/24', 'table', f'{1000 + k}')),
            'default': (
                ('route', 'add', 'unreachable', 'default', 'metric', f'{9000 + k}'),
                ('route', 'del', 'unreachable', 'default', 'metric', f'{9000 + k}')),
            'nexthop': (('nexthop', 'add', 'id', f'{300 + k}', 'blackhole', 'proto', 'static'),
                        ('nexthop', 'del', 'id', f'{300 + k}')),
        }[kind]

    KINDS = 'rule', 'late rule', 'route', 'route of a table', 'default', 'nexthop'

    def toggle(self, key):
        add, remove = self.commands(key)
        ip(*(remove if key in self.there else add))
        self.there ^= {key}


def is_of_link(line):
    return re.search(r'\bs\d+\b', line) or re.search(r' 100\.64\.\d+\.\d+ ', line)


def strange():
    """What is not ours, without the routes that the kernel makes for a PPP interface."""
    dump = foreign()
    return {what: collections.Counter(line for line in lines if not is_of_link(line))
            for what, lines in dump.items()}


def expected(links):
    """What the links that live imply, as actual() has it."""
    lines = collections.Counter()
    live = [link for link in links if link.runs]
    peers = collections.Counter(link.gateway for link in live)
    if live:
        lines['rule 1000: from all lookup main suppress_prefixlength 0'] += 1
    for link in live:
        lines[f'rule 1200: from {link.address} lookup {link.table}'] += 1
        lines[f'route default dev {link.name} table {link.table} scope link '
              f'src {link.address}'] += 1
        lines[f'nexthop dev {link.name}'] += 2
        if link.source:
            lines[f'rule 1203: from {link.source} lookup {link.table}'] += 1
        if link.mark:
            lines[f'rule 1100: from all fwmark {link.mark} lookup {link.table}'] += 1
        if peers[link.gateway] > 1:
            lines[f'rule 990: from {link.address} to {link.gateway} lookup {link.table}'] += 1
    for metric in 0, 100:
        # Linux before 6.12 takes no 256 in a group.
        members = sorted((link.name, min(link.weight, 255)) for link in live
                         if link.metric == metric and link.weight)
        if members:
            lines[f'default metric {metric} by {members + members}'] += 1
    for default in [line for line in lines if line.startswith('default')]:
        lines['group'] += lines[default]
    return lines


def actual():
    """What is ours in the kernel; a default with the names of interfaces, and no ids."""
    lines, devices, groups = collections.Counter(), {}, {}
    all_of_them = ours()
    for line in all_of_them:
        found = re.match(r'nexthop id (\d+) (dev (\S+)|group (\S+))', line)
        if found and found[3]:
            devices[found[1]] = found[3]
            lines[f'nexthop dev {found[3]}'] += 1
        elif found:
            groups[found[1]] = [member.split(',') for member in found[4].split('/')]
            lines['group'] += 1
    for line in all_of_them:
        found = re.match(r'route default nhid (\d+)(?:.* metric (\d+))?', line)
        if found:
            members = sorted((devices[id], int(*weight or [1])) for id, *weight in
                             groups[found[1]])
            twice = sorted(set(members))
            assert members == sorted(twice + twice), line
            lines[f'default metric {found[2] or 0} by {twice + twice}'] += 1
        elif not line.startswith('nexthop'):
            lines[line] += 1
    return lines


def assert_same(what, found, wanted):
    missing, extra = wanted - found, found - wanted
    assert not missing and not extra, f'{what}: missing {dict(missing)}, too much {dict(extra)}'


class Storm:
    def __init__(self, lab, seed):
        self.rng = random.Random(seed)
        self.links = [StormLink(lab, n) for n in range(LINKS)]
        self.strangers = Strangers()
        self.commands = []
        self.counts = collections.Counter()

    def act(self):
        """One action; which one is decided by the seed alone."""
        what = self.rng.choices(('link', 'stranger', 'status', 'reconcile', 'flush'),
                                (50, 25, 8, 12, 5))[0]
        if what == 'link':
            self.act_on(self.rng.choice(self.links))
        elif what == 'stranger':
            self.strangers.toggle((self.rng.choice(Strangers.KINDS), self.rng.randrange(LINKS)))
            self.counts['foreign ip commands'] += 1
        elif what == 'flush':
            self.command('sh', '-c', 'multihome flush && multihome reconcile')
        else:
            self.command('multihome', what, *(['--json'] if what == 'status' else []))

    def act_on(self, link):
        if not link.runs:
            link.start()
            self.counts['starts'] += 1
            return
        what = self.rng.choice(('SIGTERM', 'SIGKILL', 'weight', 'weight'))
        self.counts[what] += 1
        if what == 'weight':
            link.begin_weight(self.rng.choice((0, 1, 2, 5, 8, 100, 256)))
        else:
            link.end(getattr(signal, what))

    def command(self, *args):
        self.commands.append(begin(*args))
        self.counts['multihome commands'] += 1

    def blow(self, seconds):
        end = time.monotonic() + seconds
        while True:
            self.act()
            pause = self.rng.uniform(0.01, 0.15)
            if time.monotonic() + pause >= end:
                return
            time.sleep(pause)

    def calm_down(self):
        """What was begun ends. Return: whether a flush was left without its reconcile."""
        flushed = False
        for command in self.commands:
            out = command.communicate(timeout=120)[0]
            assert command.returncode in (0, 1), out
            if command.returncode == 1 and TOO_LATE in out:
                self.counts['commands that did not get the lock'] += 1
                flushed = flushed or command.args[0] == 'sh'
            elif command.args[:2] != ['multihome', 'status'] and \
                    command.args[:2] != ('multihome', 'status'):
                assert command.returncode == 0, out
        self.commands = []
        for link in self.links:
            link.await_weight()
            if link.runs:
                link.link.wait_up(link.since)
            elif link.link.process:
                link.await_end()
        return flushed

    def check(self, flushed):
        wanted = expected(self.links)
        found = actual()
        gone = [link for link in self.links if not link.runs]
        extra = [line for line in found - wanted if not line.startswith(('default', 'group'))]
        for line in extra:
            assert any(re.search(rf'\b({link.name}|{link.address}|{link.table})\b', line)
                       for link in gone) or 'suppress_prefixlength' in line or \
                line.startswith('rule 990'), f'of no link that was killed: {line}'
        if not flushed:
            missing = wanted - found
            assert not missing, f'before any event: missing {dict(missing)}'
        out = begin('multihome', 'reconcile')
        assert out.wait(60) == 0, out.communicate()[0]
        assert_same('after one event', actual(), wanted)


def test_storm(lab):
    """100 times the state is what the links that live imply, and nothing foreign has changed."""
    seed = int(os.environ.get('MULTIHOME_SEED') or random.SystemRandom().randrange(10 ** 6))
    seconds = float(os.environ.get('MULTIHOME_STORM_SECONDS') or 60)
    print(f'MULTIHOME_SEED={seed} MULTIHOME_STORM_SECONDS={seconds:g}')
    storm = Storm(lab, seed)
    before = strange()
    for link in storm.links:
        link.start()
    storm.check(storm.calm_down())
    began = time.monotonic()
    strange_at_first = {}
    for _ in range(CHECKPOINTS):
        storm.blow(seconds / CHECKPOINTS)
        storm.check(storm.calm_down())
        now = strange()
        key = frozenset(storm.strangers.there)
        assert strange_at_first.setdefault(key, now) == now
        added = sum(sum((now[what] - before[what]).values()) for what in now)
        assert added == len(key) and not any(before[what] - now[what] for what in now)
    late = sum(link.link.log().count('another process kept') for link in storm.links)
    print(f'{CHECKPOINTS} checkpoints in {time.monotonic() - began:.0f} s: '
          f'{dict(storm.counts)}; {late} times pppd did not get the lock in time')
    for key in list(storm.strangers.there):
        storm.strangers.toggle(key)
    for link in storm.links:
        if link.runs:
            link.end(signal.SIGTERM)
    storm.calm_down()
    storm.check(False)
    assert ours() == []
    assert strange() == before
