# SPDX-License-Identifier: LGPL-2.1-or-later
"""Links come and go in every way a PPP link can, and the kernel has what those that are up need."""

import contextlib
import os
import re
import signal
import subprocess

import pytest

from lab import (group_members, ip, ip_json, ours, pids, pppd_version, run, sysctl, until, SERVER,
                 PPPD_25)


def two_links(lab, extra1='multihome-weight 8\n', extra2='multihome-weight 2\n', kind='pty'):
    isp1, isp2 = lab.provider(1), lab.provider(2)
    if kind == 'pppoe':
        one, two = lab.pppoe(isp1, extra=extra1), lab.pppoe(isp2, extra=extra2)
    else:
        one = lab.pty(isp1, 'isp1', isp1.address(10), extra=extra1)
        two = lab.pty(isp2, 'isp2', isp2.address(10), extra=extra2)
    return one.up(), two.up()


def reaches_server(source):
    """A ping to the server and its answer, from this address: rules, table and link all work."""
    return subprocess.run(['ping', '-q', '-c', '1', '-W', '30', '-I', source, SERVER],
                          stdout=subprocess.DEVNULL).returncode == 0


def sole_state(link, slot, address, weight, guard=True):
    """What a single link has, in the words of ip."""
    table, nexthop = 77000 + slot, 77000000 + 10 * slot
    share = f'{nexthop + 1},{weight}/{nexthop + 2},{weight}'
    if weight == 1:
        share = f'{nexthop + 1}/{nexthop + 2}'
    return [
        'rule 1000: from all lookup main suppress_prefixlength 0',
        f'rule 1200: from {address} lookup {table}',
        f'route default dev {link.name} table {table} scope link src {address}',
        'route default nhid 77900001',
        f'nexthop id {nexthop + 1} dev {link.name}',
        f'nexthop id {nexthop + 2} dev {link.name}',
        f'nexthop id 77900001 group {share} type resilient buckets 4096 idle_timer 120 '
        'unbalanced_timer 0 unbalanced_time 0',
    ]


@pytest.mark.parametrize('kind', ['pppoe', 'pty'])
def test_two_links_share_one_default(lab, kind):
    """Exactly the objects of the contract, reachable from both addresses, and gone afterwards."""
    one, two = two_links(lab, kind=kind)
    a, b = one.local(), two.local()
    assert ours() == [
        'rule 1000: from all lookup main suppress_prefixlength 0',
        f'rule 1200: from {a} lookup 77001',
        f'rule 1200: from {b} lookup 77002',
        f'route default dev isp1 table 77001 scope link src {a}',
        f'route default dev isp2 table 77002 scope link src {b}',
        'route default nhid 77900001',
        'nexthop id 77000011 dev isp1',
        'nexthop id 77000012 dev isp1',
        'nexthop id 77000021 dev isp2',
        'nexthop id 77000022 dev isp2',
        'nexthop id 77900001 group 77000011,8/77000012,8/77000021,2/77000022,2 type resilient '
        'buckets 4096 idle_timer 120 unbalanced_timer 0 unbalanced_time 0',
    ]
    assert reaches_server(a) and reaches_server(b)
    assert one.stop() == 5  # EXIT_USER_REQUEST
    assert ours() == sole_state(two, 2, b, 2)
    assert reaches_server(b)
    assert two.stop() == 5
    assert ours() == []
    assert os.listdir('/run/multihome/links') == []


def test_new_connections_find_a_way_by_either(lab):
    """Connections without a source take one of the two links, with that link's address."""
    two_links(lab)
    counter = lab.counter()
    lab.send('-f', 300, '-n', 300, '-r', 2000, to='198.18.1.0')
    seen = counter.settle(300)
    assert seen['received'] == 300
    assert set(seen['flows']) == {'100.64.1.10', '100.64.2.10'}


def peer_pid(link):
    """The provider's pppd of a pty link."""
    for pid in pids(link.name, 'pppd'):
        with open(f'/proc/{pid}/cmdline') as f:
            if f'ifname\0c-{link.name}' in f.read():
                return pid
    raise AssertionError('no peer')


def down_by_sigterm(link):
    link.tell(signal.SIGTERM)


def down_by_sighup(link):
    link.tell(signal.SIGHUP)


def down_by_peers_terminate(link):
    os.kill(peer_pid(link), signal.SIGTERM)


def down_by_hangup(link):
    os.kill(peer_pid(link), signal.SIGKILL)


def down_by_echo_failure(link):
    os.kill(peer_pid(link), signal.SIGSTOP)


def down_by_segv(link):
    link.tell(signal.SIGSEGV)


def down_by_kill(link):
    link.tell(signal.SIGKILL)


def down_by_deletion(link):
    ip('link', 'del', link.name)


TOLD = [down_by_sigterm, down_by_sighup, down_by_peers_terminate, down_by_hangup,
        down_by_echo_failure]
UNTOLD = [down_by_segv, down_by_kill]


@pytest.mark.parametrize('way', TOLD, ids=lambda way: way.__name__)
def test_down_that_pppd_tells(lab, way):
    """In whichever way pppd learns of the end: at once nothing of the link is left."""
    echo = 'noauth\nnoipv6\nlcp-echo-interval 0\n'
    if way is down_by_echo_failure:
        echo = 'noauth\nnoipv6\nlcp-echo-interval 1\nlcp-echo-failure 5\n'
    isp1, isp2 = lab.provider(1), lab.provider(2)
    one = lab.pty(isp1, 'isp1', isp1.address(10), 'multihome-weight 8\n', common=echo).up()
    two = lab.pty(isp2, 'isp2', isp2.address(10), 'multihome-weight 2\n').up()
    way(one)
    until('pppd has ended', lambda: one.process.poll() is not None)
    assert 'multihome: isp1 down: links that are left: isp2' in one.log()
    assert ours() == sole_state(two, 2, two.local(), 2)
    assert os.listdir('/run/multihome/links') == ['isp2']
    assert reaches_server(two.local())


def test_fatal_error_of_pppd(lab):
    """pppd gives up in the middle, without telling its NCPs: we are told that it ends, and clear up."""
    isp1, isp2 = lab.provider(1), lab.provider(2)
    fatal = os.path.join(os.path.dirname(lab.packets), 'fatal.so')
    one = lab.pty(isp1, 'isp1', isp1.address(10), f'multihome-weight 8\nplugin {fatal}\n').up()
    two = lab.pty(isp2, 'isp2', isp2.address(10), 'multihome-weight 2\n').up()
    with open('/run/multihome-fatal', 'w'):
        pass
    try:
        assert one.process.wait(60) == 1
    finally:
        os.unlink('/run/multihome-fatal')
    assert 'a fatal error, for a test' in one.log()
    assert ours() == sole_state(two, 2, two.local(), 2)
    assert os.listdir('/run/multihome/links') == ['isp2']
    assert reaches_server(two.local())


@pytest.mark.parametrize('way', UNTOLD, ids=lambda way: way.__name__)
def test_down_that_nobody_tells(lab, way):
    """pppd dies at once: the kernel takes the link out of the default, the next event clears up."""
    isp1, isp2, isp3 = lab.provider(1), lab.provider(2), lab.provider(3)
    one = lab.pty(isp1, 'isp1', isp1.address(10), 'multihome-weight 8\n').up()
    two = lab.pty(isp2, 'isp2', isp2.address(10), 'multihome-weight 2\n').up()
    way(one)
    until('the interface is gone', lambda: not one.exists())
    assert group_members() == {'isp2': 2}
    assert reaches_server(two.local())
    three = lab.pty(isp3, 'isp3', isp3.address(10)).up()
    assert sorted(os.listdir('/run/multihome/links')) == ['isp2', 'isp3']
    assert not any('100.64.1.10' in line or 'isp1' in line for line in ours())
    assert group_members() == {'isp2': 2, 'isp3': 1}
    three.stop()
    assert ours() == sole_state(two, 2, two.local(), 2)


def test_interface_deleted_under_us(lab):
    """An administrator deletes the interface: pppd ends or tells, and the other link has it all."""
    one, two = two_links(lab)
    down_by_deletion(one)
    assert group_members() == {'isp2': 2}
    assert reaches_server(two.local())
    one.stop()
    two.stop()
    assert ours() == []


def test_padt_ends_a_pppoe_session(lab):
    """The provider ends the session below PPP, as when its concentrator restarts."""
    one, two = two_links(lab, kind='pppoe')
    provider = lab.providers[0]
    for pid in pids('isp1', 'pppd', 'pppoe', 'pppoe-server'):
        with contextlib.suppress(ProcessLookupError):  # ended with its parent
            os.kill(pid, signal.SIGTERM)
    provider.server.wait(60)
    until('pppd has ended', lambda: one.process.poll() is not None)
    assert ours() == sole_state(two, 2, two.local(), 2)
    assert provider.foreign() == 0


def test_kill_of_all_leaves_only_what_next_event_clears(lab):
    """The whole machine's pppds are killed: no default is left to a dead group, rules go next."""
    one, two = two_links(lab)
    one.kill()
    two.kill()
    assert group_members() == {}
    assert not any(line.startswith(('nexthop', 'route')) for line in ours())
    again = lab.pty(lab.providers[0], 'isp1', '100.64.1.11', 'multihome-weight 3\n').up()
    assert ours() == sole_state(again, 1, '100.64.1.11', 3)


def test_tiers_fail_over_in_the_kernel(lab):
    """A link of a higher metric carries traffic when the last one of a lower is gone, by itself."""
    isp1, isp2, isp3 = (lab.provider(n) for n in (1, 2, 3))
    one = lab.pty(isp1, 'isp1', isp1.address(10)).up()
    lab.pty(isp2, 'isp2', isp2.address(10)).up()
    lab.pty(isp3, 'isp3', isp3.address(10), 'multihome-metric 100\n').up()
    questions = ''.join(f'route get 198.18.0.{n}\n' for n in range(1, 100))

    def way():
        return set(re.findall(r'^198.* dev (\S+) ', run('ip', '-batch', '-', stdin=questions), re.M))

    assert way() == {'isp1', 'isp2'}
    assert group_members(100) == {'isp3': 1}
    one.kill()
    assert way() == {'isp2'}
    lab.links[1].kill()
    assert way() == {'isp3'}
    assert run('ping', '-q', '-c', '1', '-W', '30', SERVER)
    one.up()
    assert way() == {'isp1'}


def test_weight_0_has_table_and_rules_alone(lab):
    """A link of weight 0 answers what comes in by it, and takes no new traffic."""
    _, two = two_links(lab, extra2='multihome-weight 0\n')
    assert group_members() == {'isp1': 8}
    assert f'rule 1200: from {two.local()} lookup 77002' in ours()
    assert reaches_server(two.local())


def test_persist_redials_with_another_address_and_index(lab):
    """The session ends, pppd redials: a new interface, a new address, and the state follows."""
    isp1 = lab.provider(1)
    one = lab.pppoe(isp1, common='noauth\nnoipv6\nlcp-echo-interval 0\npersist\nmaxfail 0\nholdoff 1\n')
    one.up()
    index, address, mark = one.ifindex(), one.local(), one.mark()
    one.tell(signal.SIGHUP)
    one.wait_up(mark)
    assert one.ifindex() != index
    assert one.local() != address
    assert ours() == sole_state(one, 1, one.local(), 1)
    assert reaches_server(one.local())
    one.stop()
    assert ours() == []


def test_renamed_interface(lab):
    """The interface is renamed while it is up: it stays the link that it is, to the end."""
    one, two = two_links(lab)
    ip('link', 'set', 'isp1', 'down')
    ip('link', 'set', 'isp1', 'name', 'dsl')
    ip('link', 'set', 'dsl', 'up')
    assert group_members() == {'isp2': 2}
    two.stop()
    assert os.listdir('/run/multihome/links') == ['dsl']
    assert group_members() == {'dsl': 8}
    assert reaches_server('100.64.1.10')
    one.name = 'dsl'
    one.stop()
    assert ours() == []
    assert os.listdir('/run/multihome/links') == []


class Scripted:
    """A link whose other end is ppppeer.py."""

    def __init__(self, lab, name, local, peer='10.99.0.1', extra='', common='noauth\n'):
        from lab import Link
        self.fifo = f'{lab.folder}/{name}.fifo'
        os.mkfifo(self.fifo)
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'ppppeer.py')
        self.link = Link(lab, name, f'ifname {name}\nlocal\nnocrtscts\nnoipdefault\n'
                         f'lcp-echo-interval 0\n'
                         f'pty "{script} {self.fifo} {peer} {local}"\n{common}'
                         f'plugin multihome.so\n{extra}')

    def say(self, command):
        with open(self.fifo, 'w') as f:
            f.write(command + '\n')


def wait_both(link, mark=0):
    """Up in both families: either may be the first, and each has a line of its own."""
    until(f'{link.name} is up in IPv4 and in IPv6', lambda: re.search(
        rf'multihome: {link.name} up: .* address [\d.]+, fe80:', link.since(mark)))


def test_ipcp_down_while_ipv6cp_stays(lab):
    """IPv4 ends, the interface stays up for IPv6: the link must leave the IPv4 default."""
    isp2 = lab.provider(2)
    peer = Scripted(lab, 'isp1', '10.99.0.2', extra='multihome-weight 8\n')
    peer.link.up()
    two = lab.pty(isp2, 'isp2', isp2.address(10), 'multihome-weight 2\n').up()
    wait_both(peer.link)
    assert group_members() == {'isp1': 8, 'isp2': 2}
    mark = peer.link.mark()
    peer.say('ipcp-term')
    peer.link.wait_log('multihome: isp1 down', mark)
    assert 'UP' in ip('link', 'show', 'dev', 'isp1')
    assert group_members() == {'isp2': 2}
    assert [line for line in ours() if 'isp1' in line or '10.99.0.2' in line] == \
        ['nexthop id 77000013 dev isp1', 'nexthop id 77000014 dev isp1'], 'those of IPv6'
    assert reaches_server(two.local())


def test_ipcp_renegotiates_to_another_address(lab):
    """The peer assigns another address within the session: the old one's rules are gone."""
    peer = Scripted(lab, 'isp1', '10.99.0.2', extra='noipv6\n')
    peer.link.up()
    index, mark = peer.link.ifindex(), peer.link.mark()
    peer.say('ipcp-renew 10.99.0.77')
    peer.link.wait_up(mark)
    assert peer.link.ifindex() == index
    assert ours() == sole_state(peer.link, 1, '10.99.0.77', 1)


def test_lcp_renegotiation(lab):
    """The peer renegotiates LCP: everything goes down, comes up, and ends in the same state."""
    peer = Scripted(lab, 'isp1', '10.99.0.2')
    peer.link.up()
    wait_both(peer.link)
    before, mark = ours(), peer.link.mark()
    peer.say('lcp-renew')
    wait_both(peer.link, mark)
    assert ours() == before


def test_defaultroute_is_neutralised(lab):
    """pppd's own default would fight with ours: it is turned off, with a notice."""
    isp1 = lab.provider(1)
    one = lab.pty(isp1, 'isp1', isp1.address(10), 'defaultroute\n').up()
    assert 'multihome: option defaultroute ignored' in one.log()
    assert [line for line in ip('route', 'show', 'default').splitlines()
            if line.startswith('default')] == ['default nhid 77900001 proto multihome ']
    one.stop()
    assert ip('route', 'show', 'default') == ''


@pytest.mark.parametrize('option', ['demand\n0.0.0.0:10.64.64.64\n', 'multilink\n'])
def test_demand_and_multilink_are_refused(lab, option):
    """They cannot be right, so pppd does not start, and says why."""
    isp1 = lab.provider(1)
    one = lab.pty(isp1, 'isp1', isp1.address(10), option)
    one.start()
    assert one.process.wait(30) == 2
    name = option.split()[0]
    assert len(re.findall(f'option {name} cannot be used with multihome.so', one.log())) == 1


def test_sources_of_a_link(lab):
    """Prefixes routed to the customer leave by the link they belong to, the longest deciding."""
    isp1, isp2 = lab.provider(1), lab.provider(2)
    one = lab.pty(isp1, 'isp1', isp1.address(10), 'multihome-weight 8\n'
                  'multihome-source 203.0.113.0/24\n').up()
    two = lab.pty(isp2, 'isp2', isp2.address(10), 'multihome-source 203.0.113.8/29\n').up()
    isp1.route('203.0.113.0/24', via=one.local())
    isp2.route('203.0.113.8/29', via=two.local())
    for source, link in ('203.0.113.1', 'isp1'), ('203.0.113.9', 'isp2'):
        ip('addr', 'add', f'{source}/32', 'dev', 'lo')
        try:
            assert ip_json('route', 'get', SERVER, 'from', source)[0]['dev'] == link
            assert reaches_server(source)
        finally:
            ip('addr', 'del', f'{source}/32', 'dev', 'lo')
    rules = [line for line in ours() if '203.0.113' in line]
    assert rules == ['rule 1203: from 203.0.113.8/29 lookup 77002',
                     'rule 1208: from 203.0.113.0/24 lookup 77001']


def test_named_and_numbered_tables(lab):
    """Tables as the owner names them; an automatic one keeps clear of names in rt_tables."""
    os.makedirs('/etc/iproute2/rt_tables.d', exist_ok=True)
    with open('/etc/iproute2/rt_tables.d/isps.conf', 'w') as f:
        f.write('101 dsl\n77001 somebody\n')
    try:
        isp1, isp2, isp3 = (lab.provider(n) for n in (1, 2, 3))
        one = lab.pty(isp1, 'isp1', isp1.address(10), 'multihome-table dsl\n').up()
        two = lab.pty(isp2, 'isp2', isp2.address(10), 'multihome-table 200\n').up()
        three = lab.pty(isp3, 'isp3', isp3.address(10)).up()
        rules = [line for line in ours() if line.startswith('rule 12')]
        assert rules[:2] == [f'rule 1200: from {one.local()} lookup dsl',
                             f'rule 1200: from {two.local()} lookup 200']
        table = rules[2].split()[-1]
        assert table not in ('77001', 'somebody', 'dsl', '200')
        assert all(reaches_server(link.local()) for link in (one, two, three))
    finally:
        os.unlink('/etc/iproute2/rt_tables.d/isps.conf')


@pytest.mark.parametrize('setting, expected', [('', '2'), ('multihome-rp-filter keep\n', '1')])
def test_rp_filter(lab, setting, expected):
    """Strict reverse path filtering is loosened on the link alone, unless told otherwise."""
    isp1 = lab.provider(1)
    saved = sysctl('net.ipv4.conf.all.rp_filter'), sysctl('net.ipv4.conf.default.rp_filter')
    sysctl('net.ipv4.conf.all.rp_filter', 1)
    sysctl('net.ipv4.conf.default.rp_filter', 1)
    try:
        lab.pty(isp1, 'isp1', isp1.address(10), setting).up()
        assert sysctl('net.ipv4.conf.isp1.rp_filter') == expected
        assert sysctl('net.ipv4.conf.all.rp_filter') == '1'
    finally:
        sysctl('net.ipv4.conf.all.rp_filter', saved[0])
        sysctl('net.ipv4.conf.default.rp_filter', saved[1])


def test_ip_up_script_knows_the_link(lab):
    """The facts of the link are in the environment of pppd's scripts."""
    isp1, isp2 = lab.provider(1), lab.provider(2)
    lab.pty(isp1, 'isp1', isp1.address(10)).up()
    script = f'{lab.folder}/ip-up'
    with open(script, 'w') as f:
        f.write(f'#!/bin/sh\nenv | grep ^MULTIHOME_ | sort >{lab.folder}/$1.tmp\n'
                f'mv {lab.folder}/$1.tmp {lab.folder}/$1.env\n')
    os.chmod(script, 0o755)
    lab.pty(isp2, 'isp2', isp2.address(10), f'multihome-weight 5\nmultihome-metric 7\n'
            f'ip-up-script {script}\n').up()
    until('ip-up has run', lambda: os.path.exists(f'{lab.folder}/isp2.env'))
    with open(f'{lab.folder}/isp2.env') as f:
        assert f.read().split('\n')[:-1] == ['MULTIHOME_LINKS_UP=isp1 isp2', 'MULTIHOME_METRIC=7',
                                             'MULTIHOME_TABLE=77002', 'MULTIHOME_WEIGHT=5']


def test_updetach(lab):
    """pppd goes to the background when the link is up; the state is there, and goes with it."""
    isp1 = lab.provider(1)
    one = lab.pty(isp1, 'isp1', isp1.address(10), f'linkname mh-one\nlogfile {lab.folder}/one.log\n')
    assert subprocess.run(['pppd', 'call', 'isp1', 'updetach'], timeout=60,
                          stdout=subprocess.DEVNULL).returncode == 0
    until('the default is there', lambda: group_members() == {'isp1': 1})
    assert ours() == sole_state(one, 1, one.local(), 1)
    with open('/run/ppp-mh-one.pid' if os.path.exists('/run/ppp-mh-one.pid')
              else '/run/pppd/ppp-mh-one.pid') as f:
        os.kill(int(f.readline()), signal.SIGTERM)
    until('all is gone', lambda: not one.exists() and ours() == [])


def test_version_is_what_this_run_is_about():
    """So that a log of the tests tells which pppd they were about."""
    print('pppd', pppd_version(), 'kernel', os.uname().release)
    assert PPPD_25 == (pppd_version() >= (2, 5, 0))
