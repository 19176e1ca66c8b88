# SPDX-License-Identifier: LGPL-2.1-or-later
"""Linux 5.10, Debian 11's: nexthop groups, but not resilient ones. All but stickiness is the same."""

import pytest

from lab import finish, group_members, ours
from test_links import reaches_server, two_links

pytestmark = pytest.mark.kernel_5_10


def test_hash_threshold_groups_instead(lab):
    """The links share one default by a group of the older type, and one line says what is missing."""
    one, two = two_links(lab)
    group = [line for line in ours() if line.startswith('nexthop id 77900001')]
    assert group == ['nexthop id 77900001 group 77000011,8/77000012,8/77000021,2/77000022,2']
    for link in one, two:
        assert link.log().count('no resilient nexthop groups') == 1
        assert reaches_server(link.local())
    counter = lab.counter()
    lab.send('-f', 2000, '-n', 2000, '-r', 2000, to='198.18.0.10')
    seen = counter.settle(2000)
    assert seen['received'] == 2000
    assert abs(seen['flows'][one.local()] / 2000 - 0.8) <= 0.04


@pytest.mark.parametrize('way', ['graceful', 'kill -9'])
def test_a_link_that_dies(lab, way):
    """The other link loses no packet, and the default stays."""
    one, two = two_links(lab)
    counter = lab.counter()
    stream = lab.stream('-s', two.local(), '-r', 1000, '-n', 10 ** 6)
    for _ in range(3):
        (one.stop if way == 'graceful' else one.kill)()
        assert group_members() == {'isp2': 2}
        one.up()
    sent = finish(stream)
    assert counter.settle(sent['sent'])['received'] == sent['sent'] > 300
    assert sent['refused'] == 0
