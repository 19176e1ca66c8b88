# SPDX-License-Identifier: LGPL-2.1-or-later
"""A member of group dip may bring up a link that root has described, and describe nothing himself.

With the distribution's own setuid pppd. Whatever the user tries, by command line, ~/.ppprc or
environment, either pppd refuses or the link is as root's peers file says.
"""

import fcntl
import os
import pwd
import signal
import stat
import subprocess

import pytest

from lab import group_members, ip, ours, run, until

OPTIONS = [('multihome-weight', '7'), ('multihome-table', '99'), ('multihome-metric', '5'),
           ('multihome-source', '10.0.0.0/8'), ('multihome-route', '10.0.0.0/8'),
           ('multihome-rule', 'to 10.0.0.0/8'), ('multihome-rp-filter', 'keep')]
REFUSED = 'requires root privilege'


@pytest.fixture(scope='module')
def caller():
    """A user's name, in group dip, with a home."""
    run('useradd', '-m', '-G', 'dip', 'caller')
    mode = os.stat('/usr/sbin/pppd').st_mode
    yield 'caller'
    assert os.stat('/usr/sbin/pppd').st_mode == mode
    run('userdel', '-r', 'caller', check=False)


def home(name):
    return pwd.getpwnam(name).pw_dir


@pytest.fixture
def ppprc(caller):
    """Writes the user's own options file."""
    path = f'{home(caller)}/.ppprc'

    def write(text):
        with open(path, 'w') as f:
            f.write(text)
        os.chown(path, pwd.getpwnam(caller).pw_uid, -1)
    yield write
    if os.path.exists(path):
        os.unlink(path)


@pytest.fixture
def as_user(lab, caller):
    """Starts pppd as that user, and sees to its end."""
    started = []

    def start(*args, env=None):
        log = open(f'{lab.folder}/user.log', 'w')
        process = subprocess.Popen(
            ['setpriv', f'--reuid={caller}', f'--regid={caller}', '--init-groups', 'pppd', 'call',
             'isp1', 'nodetach', *args], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            start_new_session=True, cwd=home(caller),
            env={'PATH': '/usr/sbin:/usr/bin:/bin', 'HOME': home(caller), **(env or {})})
        started.append(process)
        return process, log.name
    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@pytest.fixture
def link(lab):
    """Root's link of weight 3, and whatever belongs to it."""
    isp1 = lab.provider(1)
    made = lab.pppoe(isp1, extra='multihome-weight 3\nmultihome-table 4711\n')
    lab.links.append(made)
    yield made


def read(path):
    with open(path) as f:
        return f.read()


def wait_up(process, path):
    def is_up():
        assert process.poll() is None, read(path)
        return 'multihome: isp1 up:' in read(path)
    until('isp1 is up', is_up)


def as_root_says(link):
    """All that there is, is of root's file."""
    address = link.local()
    assert group_members() == {'isp1': 3}
    assert [line for line in ours() if line.startswith(('rule', 'route'))] == [
        'rule 1000: from all lookup main suppress_prefixlength 0',
        f'rule 1200: from {address} lookup 4711',
        f'route default dev isp1 table 4711 scope link src {address}',
        'route default nhid 77900001']


def test_pppd_is_the_setuid_one(caller):
    info = os.stat('/usr/sbin/pppd')
    assert info.st_mode & stat.S_ISUID and info.st_uid == 0
    assert not info.st_mode & stat.S_IXOTH


def test_a_member_of_dip_brings_the_link_up(link, as_user):
    process, log = as_user()
    wait_up(process, log)
    as_root_says(link)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 5
    assert ours() == []


def real_user(pid):
    for line in read(f'/proc/{pid}/status').splitlines():
        if line.startswith('Uid:'):
            return int(line.split()[1])


def may_signal(uid, pid, number):
    """That user sends a signal. Has it been allowed?"""
    child = os.fork()
    if not child:
        os.setresuid(uid, uid, uid)
        try:
            os.kill(pid, number)
        except PermissionError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def test_who_called_pppd_cannot_stop_it_in_an_event(link, as_user, caller):
    """Nobody else would get the lock. Outside of events it is his to stop, as any pppd is."""
    his = pwd.getpwnam(caller).pw_uid
    os.makedirs('/run/multihome/links')
    with open('/run/multihome/lock', 'w') as lock:
        os.chmod('/run/multihome/lock', 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        process, log = as_user()
        until('pppd is in an event', lambda: os.path.exists('/sys/class/net/isp1') and
              real_user(process.pid) == 0)
        assert not may_signal(his, process.pid, signal.SIGSTOP)
    wait_up(process, log)
    until('it is over', lambda: real_user(process.pid) == his)
    assert may_signal(his, process.pid, signal.SIGTERM)
    assert process.wait(60) == 5
    assert ours() == []


@pytest.mark.parametrize('option, value', OPTIONS, ids=[option for option, _ in OPTIONS])
def test_command_line(link, as_user, option, value):
    process, log = as_user(option, value)
    assert process.wait(60) == 2
    assert REFUSED in read(log) and option in read(log)
    assert not link.exists() and ours() == []


@pytest.mark.parametrize('option, value', OPTIONS, ids=[option for option, _ in OPTIONS])
def test_own_file_named_on_the_command_line(link, as_user, caller, option, value):
    path = f'{home(caller)}/mine'
    with open(path, 'w') as f:
        f.write(f'{option} "{value}"\n')
    process, log = as_user('file', path)
    assert process.wait(60) == 2
    assert REFUSED in read(log)
    assert not link.exists() and ours() == []


@pytest.mark.parametrize('option, value', OPTIONS, ids=[option for option, _ in OPTIONS])
def test_ppprc(link, as_user, ppprc, option, value):
    """It is read before the peers file, so there is no such option yet."""
    ppprc(f'{option} "{value}"\n')
    process, log = as_user()
    assert process.wait(60) == 2
    assert 'unrecognized option' in read(log) and option in read(log)
    assert not link.exists() and ours() == []


@pytest.mark.parametrize('option, value', OPTIONS, ids=[option for option, _ in OPTIONS])
def test_ppprc_where_root_loads_the_plugin_for_all(link, as_user, ppprc, option, value):
    """Then there is, and it is root's."""
    with open('/etc/ppp/options') as f:
        options = f.read()
    try:
        with open('/etc/ppp/options', 'a') as f:
            f.write('\nplugin multihome.so\n')
        ppprc(f'{option} "{value}"\n')
        process, log = as_user()
        assert process.wait(60) == 2
        assert REFUSED in read(log) and option in read(log)
        assert not link.exists() and ours() == []
    finally:
        with open('/etc/ppp/options', 'w') as f:
            f.write(options)


def test_plugin_of_his_own(link, as_user, caller):
    """A file of his in place of the plugin, or beside it."""
    for path in f'{home(caller)}/multihome.so', '../../../tmp/multihome.so':
        process, log = as_user('plugin', path)
        assert process.wait(60) == 2
        assert REFUSED in read(log)
    assert ours() == []


def test_peers_file_of_his_own(link, as_user, caller):
    """pppd takes peers files from /etc/ppp/peers alone."""
    path = f'{home(caller)}/peer'
    with open(path, 'w') as f:
        f.write(link.options.replace('multihome-weight 3', 'multihome-weight 200'))
    for name in path, f'../../..{path}':
        process, log = as_user('call', name)
        assert process.wait(60) == 2
    assert not link.exists() and ours() == []


def test_environment(link, as_user, caller):
    """Neither the plugin, nor libraries under it, nor pppd take anything from it."""
    trap = f'{home(caller)}/trap'
    os.makedirs(trap, exist_ok=True)
    run('cp', '/etc/hostname', f'{trap}/libmultihome.so.0')
    os.makedirs(f'{trap}/rt_tables.d', exist_ok=True)
    with open(f'{trap}/rt_tables', 'w') as f:
        f.write('4711 main\n')
    process, log = as_user(env={
        'MULTIHOME_WEIGHT': '9', 'MULTIHOME_TABLE': '99', 'MULTIHOME_METRIC': '9',
        'MULTIHOME_LINKS_UP': 'x', 'MULTIHOME_RUN_DIR': trap, 'XDG_RUNTIME_DIR': trap,
        'LD_LIBRARY_PATH': trap, 'LD_PRELOAD': f'{trap}/libmultihome.so.0', 'NLSYSCONFDIR': trap,
        'NLDBG': '9', 'NLCB': 'debug', 'TMPDIR': trap})
    wait_up(process, log)
    as_root_says(link)
    assert [entry.name for entry in os.scandir(trap)] and \
        {entry.name for entry in os.scandir(trap)} == {'libmultihome.so.0', 'rt_tables',
                                                       'rt_tables.d'}


def test_scripts_see_the_links_facts_not_the_users(link, as_user, lab):
    """What the user has in his environment does not reach root's ip-up."""
    seen = f'{lab.folder}/seen'
    script = '/etc/ppp/ip-up.d/seen'
    with open(script, 'w') as f:
        f.write(f'#!/bin/sh\nenv | grep ^MULTIHOME_ | sort >{seen}.new\nmv {seen}.new {seen}\n')
    os.chmod(script, 0o755)
    try:
        process, log = as_user(env={'MULTIHOME_WEIGHT': '9', 'MULTIHOME_EVIL': '1'})
        wait_up(process, log)
        until('ip-up has run', lambda: os.path.exists(seen))
        assert read(seen) == ('MULTIHOME_LINKS_UP=isp1\nMULTIHOME_METRIC=0\nMULTIHOME_TABLE=4711\n'
                              'MULTIHOME_WEIGHT=3\n')
    finally:
        os.unlink(script)


def test_options_that_a_user_may_give(link, as_user):
    """pppd lets him set some, and they have no effect on what is ours."""
    process, log = as_user('defaultroute', 'ipparam', 'evil', 'unit', '9', 'set',
                           'MULTIHOME_WEIGHT=9')
    if process.poll() is None:
        until('pppd is up or has refused', lambda: process.poll() is not None or
              'multihome: isp1 up:' in read(log))
    if process.poll() is None:
        as_root_says(link)
        assert 'dev isp1 scope link' not in ip('route', 'show', 'default', 'proto', 'boot')
    else:
        assert process.poll() == 2 and ours() == []


@pytest.mark.parametrize('option', ['demand', 'multilink'])
def test_options_that_would_break_it_are_refused(link, as_user, option):
    """Also to a user: the link does not come up half useful."""
    process, log = as_user(option)
    assert process.wait(60) == 2
    assert f'option {option} cannot be used' in read(log)
    assert ours() == []


def test_records_are_roots(link, as_user, caller):
    """What the plugin leaves in /run belongs to root, whoever called pppd."""
    process, log = as_user()
    wait_up(process, log)
    for path in '/run/multihome', '/run/multihome/links', '/run/multihome/lock', \
            '/run/multihome/links/isp1':
        info = os.lstat(path)
        assert info.st_uid == 0 and not info.st_mode & 0o022, path
    assert subprocess.run(['setpriv', f'--reuid={caller}', f'--regid={caller}', '--init-groups',
                           'multihome', 'down', 'isp1'], capture_output=True).returncode == 1
    as_root_says(link)
