# SPDX-License-Identifier: LGPL-2.1-or-later
"""pppd under valgrind: the plugin and the library read and write what is theirs, and free it."""

import os
import shutil
import subprocess
import xml.etree.ElementTree as ET

from lab import group_members


def test_plugin_in_pppd_under_valgrind(lab):
    """Up and down of a link beside another: no error and no leak in which we have a part.

    What pppd itself does wrong is not ours to find; what it keeps of us at an odd address (the
    environment of its scripts) valgrind calls possibly lost, so these do not count.
    """
    isp1, isp2 = lab.provider(1), lab.provider(2)
    lab.pty(isp2, 'isp2', isp2.address(10)).up()
    one = lab.pty(isp1, 'isp1', isp1.address(10),
                  'multihome-weight 8\nmultihome-source 203.0.113.8/29\n'
                  'multihome-rule "ipproto tcp dport 25"\ndebug\n',
                  common='noauth\nnoipv6\nlcp-echo-interval 0\nlcp-restart 20\nipcp-restart 20\n')
    report = f'{lab.folder}/valgrind.xml'
    pppd = shutil.copy('/usr/sbin/pppd', lab.folder)  # valgrind runs nothing that is setuid
    os.chmod(pppd, 0o755)
    one.process = subprocess.Popen(
        ['valgrind', '--leak-check=full', '--xml=yes', f'--xml-file={report}', pppd, 'call',
         'isp1', 'nodetach'], stdout=open(one.log_path, 'a'), stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, start_new_session=True)
    lab.links.append(one)
    one.wait_up(seconds=240)
    assert group_members() == {'isp1': 8, 'isp2': 1}
    one.tell()
    one.process.wait(120)
    assert 'multihome: isp1 down' in one.log()
    ours = []
    for error in ET.parse(report).getroot().iter('error'):
        objects = [obj.text for obj in error.iter('obj')]
        if error.findtext('kind') != 'Leak_PossiblyLost' and any(
                'multihome' in obj for obj in objects):
            ours.append(ET.tostring(error, encoding='unicode'))
    assert ours == []
