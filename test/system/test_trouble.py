# SPDX-License-Identifier: LGPL-2.1-or-later
"""What goes wrong on real hosts: one clear line each, the link comes up, nothing foreign changes."""

import fcntl
import os
import re
import time

import pytest

from lab import group_members, ip, ip_json, ours, run, until, SERVER
from test_links import reaches_server


def said(link, text):
    """The one line of the log that says it."""
    lines = [line for line in link.log().splitlines() if text in line]
    assert len(lines) == 1, link.log()
    assert 'isp' in lines[0]
    return lines[0]


@pytest.mark.parametrize('option, says', [
    ('multihome-weight 257', r'multihome-weight.*257.*256'),
    ('multihome-weight -1', r'multihome-weight.*-1'),
    ('multihome-weight 8x', r'multihome-weight.*8x'),
    ('multihome-metric -5', r'multihome-metric.*-5'),
    ('multihome-metric 4294967296', r'multihome-metric.*4294967296'),
    ('multihome-table nosuch', r'multihome-table.*nosuch'),
    ('multihome-table 0', r'multihome-table.*0'),
    ('multihome-table main', r'multihome-table.*main'),
    ('multihome-table local', r'multihome-table.*local'),
    ('multihome-source 203.0.113.9/29', r'multihome-source.*203\.0\.113\.9/29.*203\.0\.113\.8/29'),
    ('multihome-source 203.0.113.0/33', r'multihome-source.*/33'),
    ('multihome-source hello', r'multihome-source.*hello'),
    ('multihome-route 10.0.0.1/8', r'multihome-route.*10\.0\.0\.1/8'),
    ('multihome-rule "ipproto tpc"', r'multihome-rule.*tpc'),
    ('multihome-rule "from 10.0.0.0/8 bogus"', r'multihome-rule.*bogus'),
    ('multihome-rp-filter maybe', r'multihome-rp-filter.*maybe.*loose.*keep'),
])
def test_wrong_options_stop_pppd(lab, option, says):
    """One line that names option, value and what is accepted; exit status 2; no interface."""
    isp1 = lab.provider(1)
    one = lab.pty(isp1, 'isp1', isp1.address(10), option + '\n').start()
    assert one.process.wait(30) == 2
    lines = [line for line in one.log().splitlines() if re.search(says, line)]
    assert len(lines) == 1, one.log()
    assert not one.exists()


def test_two_links_with_one_table(lab):
    """The second one gets a table of its own, and both work."""
    isp1, isp2 = lab.provider(1), lab.provider(2)
    one = lab.pty(isp1, 'isp1', isp1.address(10), 'multihome-table 100\n').up()
    two = lab.pty(isp2, 'isp2', isp2.address(10), 'multihome-table 100\n').up()
    assert 'using table 77002 instead' in said(two, 'table 100')
    assert reaches_server(one.local()) and reaches_server(two.local())
    assert group_members() == {'isp1': 1, 'isp2': 1}


def test_two_links_with_one_address(lab):
    """Packets from it leave by the first; when that is gone, by the second, at once."""
    isp1, isp2 = lab.provider(1), lab.provider(2, gateway='100.64.1.1')
    isp2.route('100.64.1.10/32', via='10.255.2.2')  # so that provider 2 lets it pass
    ip('route', 'del', '100.64.1.10/32', netns='isp2')
    one = lab.pty(isp1, 'isp1', '100.64.1.10').up()
    two = lab.pty(isp2, 'isp2', '100.64.1.10').up()
    line = said(two, 'is also that of')
    assert 'isp2' in line and 'isp1' in line
    assert ip_json('route', 'get', SERVER, 'from', '100.64.1.10')[0]['dev'] == 'isp1'
    assert group_members() == {'isp1': 1, 'isp2': 1}
    one.kill()
    assert ip_json('route', 'get', SERVER, 'from', '100.64.1.10')[0]['dev'] == 'isp2'


def test_two_links_with_one_gateway(lab):
    """Two sessions at one provider have one peer: from each address it is reached by its link."""
    isp1, isp2 = lab.provider(1, gateway='100.64.0.1'), lab.provider(2, gateway='100.64.0.1')
    one = lab.pty(isp1, 'isp1', isp1.address(10)).up()
    two = lab.pty(isp2, 'isp2', isp2.address(10)).up()
    for link in one, two:
        way = ip_json('route', 'get', '100.64.0.1', 'from', link.local())[0]
        assert way['dev'] == link.name
        assert run('ping', '-q', '-c', '2', '-i', '0.2', '-W', '30', '-I', link.local(),
                   '100.64.0.1')
    assert [line for line in ours() if 'rule 990' in line] == [
        f'rule 990: from {one.local()} to 100.64.0.1 lookup 77001',
        f'rule 990: from {two.local()} to 100.64.0.1 lookup 77002']
    one.stop()
    assert not [line for line in ours() if 'rule 990' in line]


def test_foreign_default_at_our_metric(lab):
    """It stays, in front, and is named; when it goes, ours is there already."""
    isp1, inet = lab.provider(1), lab.inet
    ip('link', 'add', 'eth-other', 'type', 'veth', 'peer', 'name', 'other', 'netns', inet.name)
    ip('addr', 'add', '10.254.0.2/24', 'dev', 'eth-other')
    ip('link', 'set', 'eth-other', 'up')
    ip('link', 'set', 'other', 'up', netns='inet')
    ip('route', 'add', 'default', 'via', '10.254.0.1', 'dev', 'eth-other')
    try:
        one = lab.pty(isp1, 'isp1', isp1.address(10)).up()
        line = said(one, 'is not ours')
        assert '10.254.0.1' in line and 'metric 0' in line
        assert ip_json('route', 'get', SERVER)[0]['dev'] == 'eth-other'
        assert reaches_server(one.local())
        ip('route', 'del', 'default', 'via', '10.254.0.1', 'dev', 'eth-other')
        assert ip_json('route', 'get', SERVER)[0]['dev'] == 'isp1'
    finally:
        ip('link', 'del', 'eth-other')


def test_foreign_default_in_the_links_table(lab):
    """A route of someone else's in the table we were given stays; the log says what follows."""
    isp1 = lab.provider(1)
    ip('route', 'add', 'unreachable', 'default', 'table', '100')
    try:
        one = lab.pty(isp1, 'isp1', isp1.address(10), 'multihome-table 100\n').up()
        said(one, 'table 100 has a route that is not ours')
        assert 'unreachable' in ip('route', 'show', 'table', '100')
        assert group_members() == {'isp1': 1}
    finally:
        ip('route', 'flush', 'table', '100')


def mount_run(options):
    os.makedirs('/run/multihome', exist_ok=True)
    run('mount', '-t', 'tmpfs', '-o', options, 'tmpfs', '/run/multihome')


@pytest.mark.parametrize('kind', ['full', 'read-only'])
def test_run_that_cannot_be_written(lab, kind):
    """The link comes up, says that it is not used, and is used as soon as there is room."""
    isp1 = lab.provider(1)
    mount_run('size=64k,mode=755')
    try:
        if kind == 'full':
            os.makedirs('/run/multihome/links')
            with open('/run/multihome/lock', 'w'):
                os.chmod('/run/multihome/lock', 0o600)
            with open('/run/multihome/ballast', 'wb', buffering=0) as f:
                with pytest.raises(OSError):
                    while f.write(b'x' * 4096):
                        pass
        else:
            run('mount', '-o', 'remount,ro', '/run/multihome')
        one = lab.pty(isp1, 'isp1', isp1.address(10)).start()
        cause = 'No space left on device' if kind == 'full' else 'Read-only file system'
        one.wait_log(cause)
        line = said(one, cause)
        assert '/run' in line and 'isp1' in line and 'trying again' in line
        assert one.local() and one.process.poll() is None
        assert ours() == []
        if kind == 'full':
            os.unlink('/run/multihome/ballast')
        else:
            run('mount', '-o', 'remount,rw', '/run/multihome')
        one.wait_up(seconds=90)
        assert group_members() == {'isp1': 1}
        one.stop()
    finally:
        run('umount', '-l', '/run/multihome')


def test_lock_held_by_another(lab):
    """Somebody sits on the lock: pppd is not held up, the link waits its turn and gets it."""
    isp1 = lab.provider(1)
    os.makedirs('/run/multihome/links', exist_ok=True)
    with open('/run/multihome/lock', 'w') as lock:
        os.chmod('/run/multihome/lock', 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        one = lab.pty(isp1, 'isp1', isp1.address(10)).start()
        one.wait_log('another process kept')
        assert ours() == []
        time.sleep(2.5)
        said(one, 'another process kept')
    one.wait_up()
    assert group_members() == {'isp1': 1}


def test_garbage_in_the_run_directory(lab):
    """What is no record is passed over and named; it harms no link."""
    isp1 = lab.provider(1)
    os.makedirs('/run/multihome/links', exist_ok=True)
    with open('/run/multihome/links/ghost', 'wb') as f:
        f.write(os.urandom(300))
    os.symlink('/etc/passwd', '/run/multihome/links/link')
    one = lab.pty(isp1, 'isp1', isp1.address(10)).up()
    assert one.log().count('"ghost"') == 1
    assert one.log().count('"link"') == 1
    assert reaches_server(one.local())
    assert os.path.exists('/etc/passwd')


def test_kernel_without_nexthop_objects(lab):
    """Linux before 5.3: table and rules work, and one line says that there is no share."""
    isp1 = lab.provider(1)
    one = lab.pty(isp1, 'isp1', isp1.address(10))
    shim = os.path.join(os.path.dirname(lab.packets), 'no-nexthops.so')
    os.environ['LD_PRELOAD'] = shim
    try:
        one.up()
    finally:
        del os.environ['LD_PRELOAD']
    said(one, 'no nexthop objects')
    assert ours() == ['rule 1000: from all lookup main suppress_prefixlength 0',
                      f'rule 1200: from {one.local()} lookup 77001',
                      f'route default dev isp1 table 77001 scope link src {one.local()}']
    assert reaches_server(one.local())
    one.stop()


def test_another_pppd_without_the_plugin(lab):
    """A link that is not ours, with pppd's own default route, lives beside ours untouched."""
    isp1, isp2 = lab.provider(1), lab.provider(2)
    other = lab.pty(isp2, 'isp2', isp2.address(10))
    other.options = other.options.replace('plugin multihome.so\n', 'defaultroute\n')
    other.write()
    other.start()
    until('the other link is up', lambda: 'isp2' in ip('route', 'show', 'default'))
    one = lab.pty(isp1, 'isp1', isp1.address(10)).up()
    assert reaches_server(one.local())
    assert 'default dev isp2 scope link' in ip('route', 'show', 'default')
    one.stop()
    assert 'default dev isp2 scope link' in ip('route', 'show', 'default')
    other.stop()
