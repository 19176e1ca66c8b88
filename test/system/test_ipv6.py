# SPDX-License-Identifier: LGPL-2.1-or-later
"""What holds for IPv4 holds for IPv6 on the same links, and each family comes and goes alone.

Providers give addresses by router advertisement, after the link is up, and drop what does not have
an address of its session. What a DHCPv6 client brings is test_dhcp6.py's.
"""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from lab import (finish, group_members, ip, ip_json, masquerade, ours, run, sysctl, until, PPPD_25,
                 SERVER, SERVER6)
from test_links import Scripted
from test_packets import event_slices, loses_nothing_beside, traced_events

DUAL = 'noauth\nlcp-echo-interval 0\n+ipv6\n'
MANY = '2001:db8:ffff:1::'  # as many hosts as are asked for behind it


def rules(link):
    """The addresses and prefixes whose packets go by this link, by its rules: 'A lookup 77001'."""
    table = status(link)['inet6']['table']
    return sorted(line.split('from ')[1].split(' ')[0] for line in ip('-6', 'rule').splitlines()
                  if re.search(rf'from \S+ lookup {table} ', line))


def status(link):
    links = json.loads(run('multihome', 'status', '--json'))['links']
    return next((one for one in links if one['ifname'] == link.name), None)


def has_rules(link):
    """It has an address, and every address that it has its rule."""
    now = status(link)
    return now and now['inet6'] and link.local6() and set(link.local6()) <= set(rules(link))


def shares_in_ipv4(link):
    return f'dev {link.name} ' in ip('-4', 'route', 'show', 'default', 'proto', '77')


def ready(link):
    """Waits for both families, which come up in either order. Returns an IPv6 address."""
    until(f'{link.name} has a rule for its address', lambda: has_rules(link))
    if '\nnoip\n' not in link.options:
        until(f'{link.name} shares in the default of IPv4', lambda: shares_in_ipv4(link))
    return link.local6()[0]


def dual(lab, *weights, common=DUAL, pd=0, **kw):
    """Links of both families with these weights, up, and with addresses."""
    made = []
    for n, weight in enumerate(weights, 1):
        provider = lab.provider(n)
        provider.serves6(pd=pd)
        made.append(lab.pty(provider, provider.name, provider.address(10),
                            f'multihome-weight {weight}\n', common=common, **kw))
    for link in made:
        link.up()
    for link in made:
        ready(link)
        lab.deepen(link)
    return made


def reaches_server6(source):
    return subprocess.run(['ping', '-q', '-c', '1', '-W', '30', '-I', source, SERVER6],
                          stdout=subprocess.DEVNULL).returncode == 0


def foreign6(lab):
    return sum(provider.foreign6() for provider in lab.providers)


def defaults6():
    """IPv6 default routes in main, whoever's."""
    return [line.strip() for line in ip('-6', 'route', 'show', 'default').splitlines()
            if line.startswith('default')]


def ways(n=100, check=True):
    """Interfaces by which the host's own packets to so many hosts go, each with its source."""
    out = run('ip', '-6', '-j', '-batch', '-', check=check, stdin=''.join(
        f'route get {MANY}{i:x}\n' for i in range(1, n + 1)))
    seen = {}
    for line in out.splitlines():
        for route in json.loads(line):
            seen.setdefault(route['dev'], set()).add(route['prefsrc'])
    return seen


@pytest.mark.parametrize('kind', ['pppoe', 'pty'])
def test_two_links(lab, kind):
    """Both families share by weight; each address leaves by its link; nothing is left."""
    made = []
    for n, weight in (1, 8), (2, 2):
        provider = lab.provider(n)
        provider.serves6(pd=0)
        extra = f'multihome-weight {weight}\n'
        made.append(lab.pppoe(provider, extra=extra, ipv6=True) if kind == 'pppoe' else
                    lab.pty(provider, provider.name, provider.address(10), extra, common=DUAL))
    for link in made:
        link.up()
    one, two = made
    a, b = ready(one), ready(two)
    assert group_members(family='-4') == {'isp1': 8, 'isp2': 2}
    assert group_members(metric=1, family='-6') == {'isp1': 8, 'isp2': 2}
    assert ways() == {'isp1': {a}, 'isp2': {b}}
    assert reaches_server6(a) and reaches_server6(b)
    one.stop()
    assert group_members(metric=1, family='-6') == {'isp2': 2}
    assert ways() == {'isp2': {b}}
    two.stop()
    assert ours() == [] and ours('-6') == [] and defaults6() == []
    assert foreign6(lab) == 0


@pytest.mark.parametrize('lacks', ['ipv6', 'ip'])
def test_one_family_alone(lab, lacks):
    """IPv4 without IPv6, IPv6 without IPv4: of the other there is nothing, and nothing is said."""
    isp1, isp2 = lab.provider(1), lab.provider(2)
    isp1.serves6(pd=0)
    one = lab.pty(isp1, 'isp1', isp1.address(10), 'multihome-weight 8\n',
                  common=f'{DUAL}no{lacks}\n').up()
    two = lab.pty(isp2, 'isp2', isp2.address(10), 'multihome-weight 2\n').up()
    now = status(one)
    if lacks == 'ipv6':
        assert now['inet6'] is None and now['inet']['local'] == one.local()
        assert group_members() == {'isp1': 8, 'isp2': 2}
        assert [line for line in ours('-6') if not line.startswith('nexthop')] == []
        assert not os.path.exists('/proc/sys/net/ipv6/conf/isp1') or one.local6() == []
    else:
        address = ready(one)
        assert now['inet'] is None and one.local() is None
        assert group_members() == {'isp2': 2}
        assert group_members(metric=1, family='-6') == {'isp1': 8}
        assert reaches_server6(address)
    assert 'problem' not in one.log() and 'cannot' not in one.log()
    one.stop()
    assert group_members() == {'isp2': 2} and group_members(metric=1, family='-6') == {}
    two.stop()
    assert ours() == [] and ours('-6') == []


def scripted(lab):
    """isp1, whose peer does what it is told, with an address of its own; and isp2, a real one."""
    isp2 = lab.provider(2)
    isp2.serves6(pd=0)
    peer = Scripted(lab, 'isp1', '10.99.0.2', extra='multihome-weight 8\n', common=DUAL)
    peer.link.up()
    two = lab.pty(isp2, 'isp2', isp2.address(10), 'multihome-weight 2\n', common=DUAL).up()
    ready(two)
    until('IPv6CP is up', lambda: group_members(metric=1, family='-6') == {'isp1': 8, 'isp2': 2})
    ip('addr', 'add', '2001:db8:1:1::10/64', 'dev', 'isp1', 'nodad')
    ready(peer.link)
    return peer, two


@pytest.mark.parametrize('goes', ['ipv6cp', 'ipcp'])
def test_one_family_goes_and_comes_back(lab, goes):
    """The peer closes one protocol and opens it again: the other family notices nothing."""
    peer, two = scripted(lab)
    family, other = ('-6', '-4') if goes == 'ipv6cp' else ('-4', '-6')
    metric = {'-4': 0, '-6': 1}
    both, left = {'isp1': 8, 'isp2': 2}, {'isp2': 2}
    before = ours(other)
    peer.say(f'{goes}-term')
    until('it has left', lambda: group_members(metric[family], family) == left)
    until('its part is gone', lambda: not [line for line in ours(family)
                                           if 'isp1' in line and not line.startswith('nexthop')])
    assert 'UP' in ip('link', 'show', 'dev', 'isp1')
    assert group_members(metric[other], other) == both
    assert [line for line in ours(other) if not line.startswith('nexthop')] == [
        line for line in before if not line.startswith('nexthop')]
    if goes == 'ipv6cp':
        assert status(peer.link)['inet6'] is None and reaches_server6(two.local6()[0])

    def opens():
        peer.say(f'{goes}-renew')
        time.sleep(1)
        return group_members(metric[family], family) == both
    until('it is back', opens)
    assert group_members(metric[other], other) == both
    if goes == 'ipv6cp':
        ip('addr', 'replace', '2001:db8:1:1::10/64', 'dev', 'isp1', 'nodad')
        until('its rule is', lambda: rules(peer.link) == ['2001:db8:1:1::10'])
    peer.link.stop()
    two.stop()
    assert ours() == [] and ours('-6') == []


def test_defaultroute6_is_neutralised(lab):
    """pppd's own would precede ours and outlast its link: it is turned off, with a notice."""
    isp1 = lab.provider(1)
    isp1.serves6(pd=0)
    one = lab.pty(isp1, 'isp1', isp1.address(10), 'defaultroute6\n', common=DUAL).up()
    ready(one)
    assert 'multihome: option defaultroute6 ignored' in one.log()
    assert len(defaults6()) == 1 and 'nhid' in defaults6()[0]
    one.stop()
    assert defaults6() == []


def test_router_advertisements_default_is_not_made(lab):
    """An advertisement brings addresses; its default would stand beside ours at metric 1024."""
    one, two = dual(lab, 8, 2)
    for link in one, two:
        assert sysctl(f'net.ipv6.conf.{link.name}.accept_ra_defrtr') == '0'
    assert len(defaults6()) == 1 and 'nhid' in defaults6()[0]
    assert sysctl('net.ipv6.conf.default.accept_ra_defrtr') == '1'


def test_rules_follow_addresses(lab):
    """Whoever gives the interface an address or takes one away. How fast is only measured."""
    one, two = dual(lab, 8, 2)
    own, others = one.local6(), rules(two)
    took = []
    for address in '2001:db8:1:77::1', '2001:db8:1:77::2', 'fd00:77::1':
        before = rules(one)
        assert address not in before
        began = time.monotonic()
        ip('addr', 'add', f'{address}/64', 'dev', 'isp1', 'nodad')
        until('its rule', lambda: address in rules(one))
        took.append(time.monotonic() - began)
        assert rules(one) == sorted([*before, address])
        assert address in status(one)['inet6']['addresses']
    for address in '2001:db8:1:77::2', 'fd00:77::1', '2001:db8:1:77::1':
        before = rules(one)
        began = time.monotonic()
        ip('addr', 'del', f'{address}/64', 'dev', 'isp1')
        until('its rule has gone', lambda: address not in rules(one))
        took.append(time.monotonic() - began)
        assert rules(one) == [other for other in before if other != address]
    assert rules(one) == own and rules(two) == others
    print('a rule followed its address after', ', '.join(f'{t:.2f}' for t in took), 's')


def test_address_of_one_link_alone_is_not_in_the_hosts_default(lab):
    """A link without a global address takes none of the host's own packets: they would be lost."""
    isp1, isp2 = lab.provider(1), lab.provider(2)
    isp1.serves6(ra=False, pd=0)
    isp2.serves6(pd=0)
    lab.pty(isp1, 'isp1', isp1.address(10), 'multihome-weight 8\n', common=DUAL).up()
    two = lab.pty(isp2, 'isp2', isp2.address(10), 'multihome-weight 2\n', common=DUAL).up()
    b = ready(two)
    until('both are up', lambda: group_members(1, '-6') == {'isp1': 8, 'isp2': 2})
    assert ways() == {'isp2': {b}}
    ip('addr', 'add', '2001:db8:1:1::10/64', 'dev', 'isp1', 'nodad')
    until('isp1 has its share', lambda: ways() == {'isp1': {'2001:db8:1:1::10'}, 'isp2': {b}})
    ip('addr', 'del', '2001:db8:1:1::10/64', 'dev', 'isp1')
    # One that chooses a link just as that goes may find no way.
    until('isp1 has it no longer', lambda: ways(check=False) == {'isp2': {b}})


PREFIX = '2001:db8:1:100::/56'
OF_PREFIX = '2001:db8:1:100::1'


def of_prefix(prefix=PREFIX):
    return sorted(line.split(':\t')[1].replace(' proto multihome', '').strip()
                  for line in ip('-6', 'rule').splitlines() if f'from {prefix} ' in line)


def goes_by(source):
    """The interface by which the host's packets from this address go; None: there is no way."""
    out = subprocess.run(['ip', '-6', '-j', 'route', 'get', SERVER6, 'from', source],
                         text=True, capture_output=True)
    if out.returncode:
        assert 'unreachable' in out.stderr, out.stderr
        return None
    return json.loads(out.stdout)[0]['dev']


@pytest.fixture
def has_prefix():
    """The host has an address of the prefix."""
    ip('addr', 'add', f'{OF_PREFIX}/128', 'dev', 'lo', 'nodad')
    yield
    ip('addr', 'del', f'{OF_PREFIX}/128', 'dev', 'lo')


@pytest.mark.parametrize('ends', [signal.SIGTERM, signal.SIGKILL], ids=['graceful', 'killed'])
def test_sources_by_command(lab, has_prefix, ends):
    """A hook says what prefix a link has. Its packets never go by another, also when it is lost."""
    one, two = dual(lab, 8, 2)
    run('multihome', 'source', 'add', 'isp1', PREFIX)
    table = status(one)['inet6']['table']
    assert of_prefix() == [f'from {PREFIX} lookup {table}', f'from {PREFIX} unreachable']
    assert PREFIX in status(one)['sources']
    assert goes_by(OF_PREFIX) == 'isp1'
    run('multihome', 'source', 'add', 'isp1', PREFIX)
    assert len(of_prefix()) == 2
    one.stop(ends)
    assert goes_by(OF_PREFIX) is None
    assert f'from {PREFIX} unreachable' in of_prefix()
    two.stop()
    two.up()
    ready(two)
    assert goes_by(OF_PREFIX) is None
    assert of_prefix() == [f'from {PREFIX} unreachable']
    one.up()
    ready(one)
    assert goes_by(OF_PREFIX) == 'isp1'
    run('multihome', 'source', 'del', 'isp1', PREFIX)
    assert of_prefix() == []
    assert PREFIX not in status(one)['sources']


@pytest.mark.parametrize('how', ['del', 'down', 'claimed'])
def test_lost_prefix_is_given_up(lab, has_prefix, how):
    """By those who say so, or because another link has it now."""
    one, two = dual(lab, 8, 2)
    run('multihome', 'source', 'add', 'isp1', PREFIX)
    one.stop()
    assert goes_by(OF_PREFIX) is None
    if how == 'del':
        run('multihome', 'source', 'del', 'isp1', PREFIX)
        assert of_prefix() == []
    elif how == 'down':
        run('multihome', 'down', 'isp1')
        assert of_prefix() == []
    else:
        run('multihome', 'source', 'add', 'isp2', PREFIX)
        assert goes_by(OF_PREFIX) == 'isp2'
        one.up()
        ready(one)
    assert goes_by(OF_PREFIX) != 'isp1'


def test_static_source(lab, has_prefix):
    """multihome-source, of a prefix that is always the customer's."""
    isp1, isp2 = lab.provider(1), lab.provider(2)
    for provider in isp1, isp2:
        provider.serves6(pd=0)
    one = lab.pty(isp1, 'isp1', isp1.address(10), f'multihome-source {PREFIX}\n', common=DUAL).up()
    lab.pty(isp2, 'isp2', isp2.address(10), common=DUAL).up()
    ready(one)
    assert goes_by(OF_PREFIX) == 'isp1'
    isp1.route(PREFIX, via='c-isp1')
    assert reaches_server6(OF_PREFIX)
    one.kill()
    assert goes_by(OF_PREFIX) is None


def test_tiers_fail_over_in_the_kernel(lab):
    """A link of a higher metric carries traffic when the last one of a lower is gone, by itself."""
    made = []
    for n, metric in (1, 0), (2, 0), (3, 100):
        provider = lab.provider(n)
        provider.serves6(pd=0)
        made.append(lab.pty(provider, provider.name, provider.address(10),
                            f'multihome-metric {metric}\n', common=DUAL).up())
    one, two, three = made
    own = {link.name: {ready(link)} for link in made}
    lab.lan6()

    def forwarded():
        return {ip_json('-6', 'route', 'get', f'{MANY}{n:x}', 'from', 'fd00:7::2', 'iif',
                        'eth-lan')[0]['dev'] for n in range(1, 40)}

    assert forwarded() == set(ways()) == {'isp1', 'isp2'}
    assert group_members(101, '-6') == {'isp3': 1}
    one.kill()
    assert forwarded() == {'isp2'} and ways() == {'isp2': own['isp2']}
    two.kill()
    assert forwarded() == {'isp3'} and ways() == {'isp3': own['isp3']}
    assert reaches_server6(three.local6()[0])
    one.up()
    until('isp1 has all again', lambda: set(ways()) == {'isp1'})
    assert forwarded() == {'isp1'}
    assert foreign6(lab) == 0


def test_shares_of_new_flows(lab):
    """10,000 new flows of the host, shared as the weights say, within 2 points; none is foreign."""
    made = dual(lab, 8, 2)
    counter = lab.counter()
    sent = lab.send('-f', 10000, '-n', 10000, '-r', 4000, to=f'{MANY}1')
    seen = counter.settle(10000)
    shares = [seen['flows'].get(link.local6()[0], 0) / 100 for link in made]
    print(f'10,000 flows, weights 8 and 2: {shares[0]} % and {shares[1]} %, '
          f'{foreign6(lab)} foreign sources')
    assert seen['received'] == sent['sent'] == 10000
    assert abs(shares[0] - 80) <= 2 and abs(shares[1] - 20) <= 2
    assert foreign6(lab) == 0


def test_why_the_host_has_a_table_of_its_own(lab):
    """The kernel gives an unbound packet the address of a group's first member, not of its own.

    Without the rule for the host's own packets a share of them would be dropped by a provider.
    """
    made = dual(lab, 8, 2)
    counter = lab.counter()
    # pppd would put it right at the next router advertisement.
    for link in made:
        link.tell(signal.SIGSTOP)
    rule = [line.split(':\t')[1] for line in ip('-6', 'rule').splitlines() if 'iif lo' in line]
    assert len(rule) == 1
    ip('-6', 'rule', 'del', 'pref', '1600', 'iif', 'lo', 'lookup', '77000', 'protocol', '77')
    lab.send('-f', 1000, '-n', 1000, '-r', 2000, to=f'{MANY}1')
    seen, lost = counter.settle(), foreign6(lab)
    print(f'1,000 flows by the group alone: {lost} with a foreign source')
    assert seen['received'] + lost == 1000 and 100 <= lost <= 900
    for link in made:
        link.tell(signal.SIGCONT)
    run('multihome', 'reconcile')
    lab.send('-f', 1000, '-n', 1000, '-r', 2000, to=f'{MANY}8001')
    seen = counter.settle(1000)
    assert seen['received'] == 1000 and len(seen['flows']) == 2
    assert foreign6(lab) == lost


@pytest.mark.parametrize('way', ['graceful', 'kill -9'])
def test_stream_over_a_link_that_stays(lab, way):
    """20 ups and downs of the other link, and not one packet of 1,000 a second is lost."""
    one, two = dual(lab, 8, 2)
    loses_nothing_beside(lab, two.local6()[0], one, way, SERVER6, ready)


def test_no_active_flow_moves(lab):
    """A second link returns beside a sole one, a third comes and goes: active flows stay.

    They are a LAN's whose addresses are nobody's (ULA), through NAT: one that moved would leave
    with a foreign source and be dropped.
    """
    lab.lan6()
    masquerade('ip6')
    one, two = dual(lab, 8, 2)
    source = two.local6()[0]
    isp3 = lab.provider(3)
    isp3.serves6(pd=0)
    three = lab.pty(isp3, 'isp3', isp3.address(10), 'multihome-weight 4\n', common=DUAL)
    one.stop()
    counter = lab.counter()
    stream = lab.stream('-f', 300, '-r', 1500, '-n', 10 ** 7, netns='lan', to=f'{MANY}1')
    first = counter.wait(600)
    assert set(first['flows']) == {source}
    for link, event in (one, 'up'), (three, 'up'), (three, 'stop'), (three, 'up'), (three, 'kill'):
        getattr(link, event)()
        if event == 'up':
            ready(link)
    sent = finish(stream)
    rest = counter.settle(sent['sent'] - first['received'])
    lost = sent['sent'] - first['received'] - rest['received']
    print(f'5 events, 300 active flows, {sent["sent"]} packets, {rest["moved"]} flows moved, '
          f'{lost} packets lost')
    assert rest['moved'] == 0 and set(rest['flows']) == {source}
    assert lost == 0 and foreign6(lab) == 0


def test_no_flow_of_the_host_moves(lab):
    """What the host itself has begun keeps its source, and so its link, whatever comes or goes."""
    made = dual(lab, 8, 2)
    isp3 = lab.provider(3)
    isp3.serves6(pd=0)
    three = lab.pty(isp3, 'isp3', isp3.address(10), 'multihome-weight 4\n', common=DUAL)
    counter = lab.counter()
    stream = lab.stream('-f', 300, '-r', 1500, '-n', 10 ** 7, to=f'{MANY}1')
    first = counter.wait(600)
    for way in signal.SIGTERM, signal.SIGKILL:
        three.up()
        ready(three)
        three.stop(way)
    sent = finish(stream)
    seen = counter.settle(sent['sent'] - first['received'])
    print(f'4 events, 300 flows, {sent["sent"]} packets, {seen["moved"]} flows moved')
    assert seen['moved'] == 0 and first['received'] + seen['received'] == sent['sent']
    assert set(seen['flows']) == {link.local6()[0] for link in made}
    assert foreign6(lab) == 0


def test_storm_of_both_families(lab):
    """4 pppds come up at once and go at once, again and again: each time the right state."""
    rounds = max(3, int(os.environ.get('MULTIHOME_STORM_ROUNDS', 10)) // 3)
    made = []
    for n in range(4):
        provider = lab.provider(n % 2 + 1)
        provider.serves6(pd=0)
        made.append(lab.pty(provider, f'storm{n}', provider.address(20 + n),
                            f'multihome-weight {n + 1}\n', common=DUAL))
    weights = {f'storm{n}': n + 1 for n in range(4)}
    for i in range(rounds):
        marks = [link.mark() for link in made]
        for link in made:
            link.start()
        for link, mark in zip(made, marks):
            link.wait_up(mark)
        for link in made:
            ready(link)
        assert group_members() == group_members(1, '-6') == weights
        # With less than 400 flows one of weight 1 in 10 can have none.
        assert ways(400) == {link.name: {link.local6()[0]} for link in made}
        for n, link in enumerate(made):
            link.tell(signal.SIGKILL if (i + n) % 4 == 0 else signal.SIGTERM)
        for link in made:
            link.process.wait(60)
        del lab.links[:]
        until('all interfaces are gone', lambda: not any(link.exists() for link in made))
        assert group_members() == group_members(1, '-6') == {} and defaults6() == []
    last = made[0].up()
    address = ready(last)
    left = [line for line in ours('-6') if line.startswith('rule') and 'from all' not in line]
    assert len(left) == 1 and f'from {address} ' in left[0]
    print(f'{rounds} rounds of 4 links of both families, right state each time')


def test_cost_of_an_event_is_counted(lab):
    """No fork and no exec in an event, and its messages grow no faster than the number of links."""
    lab.provider(1).serves6(pd=0)
    counts = {}
    for others in 1, 8:
        slices = event_slices(traced_events(lab, others, ready=ready, common=DUAL))
        for lines in slices:
            assert not [line for line in lines if 'exec' in line or 'clone' in line or
                        'fork' in line]
        counts[others] = [sum('sendto(' in line or 'sendmsg(' in line for line in lines)
                          for lines in slices]
        until('all others are gone', lambda: ours('-6') == [])
    print('netlink datagrams sent in each event, by number of other links:', counts)
    assert len(counts[1]) >= 4, 'two families up, two down'
    # 11 to read, as for IPv4; what is to be written is in 1 or 2.
    assert max(counts[1] + counts[8]) <= 13


def without_ipv6(path):
    """A pppd that exports no name of IPv6, as one that was built without it; see dlsym()."""
    with open('/usr/sbin/pppd', 'rb') as f:
        program = f.read()
    for name in (b'ipv6_up_notifier', b'ipv6_down_notifier', b'ipv6cp_wantoptions',
                 b'ipv6cp_gotoptions', b'ipv6cp_hisoptions', b'ipv6cp_allowoptions'):
        assert PPPD_25 or b'\0' + name + b'\0' in program
        program = program.replace(b'\0' + name + b'\0', b'\0' + b'x' + name[1:] + b'\0')
    with open(path, 'wb') as f:
        f.write(program)
    os.chmod(path, 0o755)


def test_pppd_that_was_built_without_ipv6(lab):
    """The plugin loads, and does for IPv4 what it does in any other."""
    isp1, isp2 = lab.provider(1), lab.provider(2)
    path = f'{lab.folder}/pppd'
    without_ipv6(path)
    assert 'ipv6cp_wantoptions' in run('objdump', '-T', '/usr/sbin/pppd')
    assert 'ipv6cp_wantoptions' not in run('objdump', '-T', path)
    one = lab.pty(isp1, 'isp1', isp1.address(10), 'multihome-weight 8\ndefaultroute\n')
    mark = one.mark()
    log = open(one.log_path, 'a')
    one.process = subprocess.Popen([path, 'call', 'isp1', 'nodetach'], stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL, start_new_session=True)
    lab.links.append(one)
    one.wait_up(mark)
    two = lab.pty(isp2, 'isp2', isp2.address(10), 'multihome-weight 2\n').up()
    assert 'option defaultroute ignored' in one.log()
    assert group_members() == {'isp1': 8, 'isp2': 2}
    assert run('ping', '-q', '-c', '1', '-W', '30', '-I', one.local(), SERVER)
    one.stop()
    two.stop()
    assert ours() == [] and ours('-6') == []
