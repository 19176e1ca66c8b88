# SPDX-License-Identifier: LGPL-2.1-or-later
"""What goes wrong at run time: traps under /run, a kernel that refuses, a lock that is not had.

In each case pppd goes on, says what is the matter once, and the other links work. What has to do
with how pppd meets a full disk and the like is test_trouble.py's.
"""

import errno
import fcntl
import os

import pytest

from lab import group_members, ours, run
from test_links import reaches_server
from test_trouble import said


def make_trap(kind):
    """Something in the run directory that is not what it should be."""
    links = '/run/multihome/links'
    os.makedirs(links)
    if kind == 'links is a symlink':
        os.rmdir(links)
        os.symlink('/tmp', links)
    elif kind == 'links is a file':
        os.rmdir(links)
        with open(links, 'w'):
            pass
    elif kind == 'links is a fifo':
        os.rmdir(links)
        os.mkfifo(links)
    elif kind == 'run directory is anyone\'s':
        os.chmod('/run/multihome', 0o777)
    elif kind == 'links is another\'s':
        os.chown(links, 1500, 1500)
    elif kind == 'lock is a symlink':
        os.symlink('/etc/passwd', '/run/multihome/lock')
    elif kind == 'lock is a fifo':
        os.mkfifo('/run/multihome/lock')
    elif kind == 'lock is a directory':
        os.mkdir('/run/multihome/lock')


@pytest.mark.parametrize('kind', [
    'links is a symlink', 'links is a file', 'links is a fifo', 'run directory is anyone\'s',
    'links is another\'s', 'lock is a symlink', 'lock is a fifo', 'lock is a directory'])
def test_trapped_run_directory(lab, kind):
    """The link comes up and is not used; one line says why; what the trap points to is as it was."""
    with open('/etc/passwd') as f:
        passwd = f.read()
    mode = os.stat('/etc/passwd').st_mode, os.stat('/tmp').st_mode
    make_trap(kind)
    one = lab.pty(lab.provider(1), 'isp1', lab.provider(1).address(10)).start()
    one.wait_log('multihome: ')
    line = said(one, 'multihome: ')
    assert '/run/multihome cannot be used' in line and 'trying again' in line
    assert one.local() and one.process.poll() is None
    assert ours() == []
    with open('/etc/passwd') as f:
        assert f.read() == passwd
    assert (os.stat('/etc/passwd').st_mode, os.stat('/tmp').st_mode) == mode
    assert not os.path.exists('/tmp/isp1')
    one.stop()


def test_trapped_records(lab):
    """Every kind of file in place of a record: named, passed over, and nothing waits for it."""
    links = '/run/multihome/links'
    os.makedirs(links)
    os.mkfifo(f'{links}/fifo')
    os.mkdir(f'{links}/folder')
    os.symlink('/etc/passwd', f'{links}/symlink')
    os.symlink('nowhere', f'{links}/dangling')
    run('mknod', f'{links}/zero', 'c', '1', '5')
    with open(f'{links}/huge', 'w') as f:
        f.truncate(1 << 40)
    for name in 'writable', 'foreign', 'empty':
        with open(f'{links}/{name}', 'w') as f:
            f.write('' if name == 'empty' else f'multihome 1\nifname {name}\n')
    os.chmod(f'{links}/writable', 0o666)
    os.chown(f'{links}/foreign', 1500, 1500)
    with open(f'{links}/name with\nnewline', 'w'):
        pass
    os.symlink('/etc/passwd', f'{links}/.isp1:tmp')
    with open('/etc/passwd') as f:
        passwd = f.read()
    names = set(os.listdir(links))
    one = lab.pty(lab.provider(1), 'isp1', lab.provider(1).address(10)).up()
    for name in names - {'.isp1:tmp', 'name with\nnewline'}:
        assert one.log().count(f'the record "{name}"') == 1
    assert one.log().count('the record "name with?newline"') == 1
    assert reaches_server(one.local())
    assert set(os.listdir(links)) == names - {'.isp1:tmp'} | {'isp1'}
    one.stop()
    assert set(os.listdir(links)) == names - {'.isp1:tmp'}
    with open('/etc/passwd') as f:
        assert f.read() == passwd


# Types of linux/rtnetlink.h.
REFUSED = [('rule', 32, errno.EEXIST), ('rule', 32, errno.ENOENT), ('route', 24, errno.ENODEV),
           ('route', 24, errno.EINTR), ('nexthop', 104, errno.ENOBUFS),
           ('nexthop', 104, errno.EPERM)]


@pytest.fixture
def refuse(lab):
    """Has the kernel of those started next refuse requests, until it is called without any."""
    path = f'{lab.folder}/refuse'

    def tell(*numbers):
        if numbers:
            with open(path, 'w') as f:
                f.write(' '.join(str(n) for n in numbers))
        else:
            os.unlink(path)
    os.environ['LD_PRELOAD'] = os.path.join(os.path.dirname(lab.packets), 'refuse.so')
    os.environ['MULTIHOME_TEST_REFUSE'] = path
    yield tell
    for name in 'LD_PRELOAD', 'MULTIHOME_TEST_REFUSE':
        os.environ.pop(name, None)


@pytest.mark.parametrize('kind, number, error', REFUSED,
                         ids=[f'{kind} {errno.errorcode[error]}' for kind, _, error in REFUSED])
def test_kernel_that_refuses(lab, refuse, kind, number, error):
    """pppd stays up, says what was refused, in the kernel's words, and a reconcile mends it."""
    refuse(number, error)
    one = lab.pty(lab.provider(1), 'isp1', lab.provider(1).address(10), 'multihome-table 100\n')
    one.start()
    one.wait_log('multihome: isp1 up')
    lines = [line for line in one.log().splitlines() if 'multihome: isp1: ' in line]
    assert lines and len(set(lines)) == len(lines)
    assert all(f'"{kind} ' in line and os.strerror(error) in line for line in lines)
    assert one.process.poll() is None and one.local()
    refuse()
    run('multihome', 'reconcile')
    assert group_members() == {'isp1': 1} and reaches_server(one.local())
    one.stop()


def test_kernel_that_never_stands_still(lab, refuse):
    """Dumps that are interrupted for ever end, are said to be, and the link comes up later."""
    refuse(0, 0)
    one = lab.pty(lab.provider(1), 'isp1', lab.provider(1).address(10)).start()
    one.wait_log('kept changing')
    assert 'isp1' in said(one, 'rules and routes kept changing while they were read; trying again')
    assert ours() == [] and one.process.poll() is None and one.local()
    refuse()
    one.wait_up(seconds=120)
    assert group_members() == {'isp1': 1}
    one.stop()


def test_lock_held_while_a_link_goes(lab):
    """Down past the deadline: one line; the next event of another link clears what is left."""
    one = lab.pty(lab.provider(1), 'isp1', lab.provider(1).address(10)).up()
    two = lab.pty(lab.provider(2), 'isp2', lab.provider(2).address(10)).up()
    address = one.local()
    with open('/run/multihome/lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = one.mark()
        assert one.stop() == 5, 'ended by a signal, as asked'
        lines = [line for line in one.since(mark).splitlines() if 'multihome: ' in line]
        assert lines and 'its rules and table stay until the next event' in lines[0]
    assert [line for line in ours() if address in line]
    assert reaches_server(two.local())
    two.stop()
    assert ours() == []
