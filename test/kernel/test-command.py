# SPDX-License-Identifier: LGPL-2.1-or-later
"""
The multihome command on the kernel of this machine: each test has a network namespace of its own
with an empty /run and /etc, and links made of veth pairs whose other ends are the providers.

Environment: MULTIHOME, path of the command; MULTIHOME_SOURCE, path of the source tree;
MULTIHOME_LINKS, path of the small API program of examples/; MULTIHOME_NO_NEXTHOPS, path of the
library of test/system/ that makes the kernel look old. Needs root, or a user who may make
namespaces: then what needs more users than one is skipped.
"""

import collections
import ctypes
import json
import os
import pathlib
import random
import re
import socket
import subprocess
import time

import pytest

MULTIHOME = os.path.abspath(os.environ.get("MULTIHOME", "multihome"))
SOURCE = pathlib.Path(os.environ.get("MULTIHOME_SOURCE", pathlib.Path(__file__).parents[2]))
LINKS = os.environ.get("MULTIHOME_LINKS")
NO_NEXTHOPS = os.environ.get("MULTIHOME_NO_NEXTHOPS")
ONE_USER = os.geteuid() != 0
SEED = 77

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000


# The lab.

def unshare(flags):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        raise OSError(ctypes.get_errno(), "unshare")


def run(*words, check=True):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done


def ip(text, check=True):
    return run("ip", *text.split(), check=check).stdout


def multihome(*words, code=0, env=None):
    """The command's output; words of one string are split, further ones stand as they are."""
    words = words[0].split() + list(words[1:])
    done = subprocess.run([MULTIHOME, *words], capture_output=True, text=True,
                          env={**os.environ, **(env or {})})
    assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    assert "Sanitizer" not in done.stderr, done.stderr
    done.both = done.stdout + done.stderr
    return done


def sysctl(name, value=None):
    path = pathlib.Path("/proc/sys", *name.split("."))
    if value is None:
        return path.read_text().strip()
    path.write_text(f"{value}\n")
    return None


def status():
    return json.loads(multihome("status --json").stdout)


def write(path, text):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def await_settled(name, address):
    """A carrier is seen, and an address put to use, from the kernel's queues."""
    for _ in range(1000):
        if "state UP" in ip(f"link show dev {name}") and \
                (not address or address in ip("-6 route show table local")):
            return
        time.sleep(0.01)
    raise AssertionError(f"{name} {address}")


def add_uplink(name, net, v6=True):
    """A provider behind a veth: gateway 10.NET.0.1, address 10.NET.0.2; likewise 2001:db8:NET::."""
    ip(f"netns add {name}")
    ip(f"link add {name} type veth peer name gw netns {name}")
    ip(f"addr add 10.{net}.0.2/24 dev {name}")
    ip(f"-n {name} addr add 10.{net}.0.1/24 dev gw")
    if v6:
        ip(f"addr add 2001:db8:{net}::2/64 dev {name} nodad")
        ip(f"-n {name} addr add 2001:db8:{net}::1/64 dev gw nodad")
    ip(f"link set {name} up")
    ip(f"-n {name} link set gw up")
    ip(f"-n {name} link set lo up")
    await_settled(name, f"2001:db8:{net}::2" if v6 else None)


def add_lan(name="lan0", address="192.168.7.1/24"):
    ip(f"netns add {name}")
    ip(f"link add {name} type veth peer name eth0 netns {name}")
    ip(f"addr add {address} dev {name}")
    ip(f"addr add 2001:db8:70::1/64 dev {name} nodad")
    ip(f"link set {name} up")
    ip(f"-n {name} link set eth0 up")
    await_settled(name, "2001:db8:70::1")


def kernel():
    """Everything that is routed by, but for what the kernel itself adds as interfaces settle."""
    text = "".join(ip(f"-{family} {what}") for family in (4, 6)
                   for what in ("rule show", "route show table all"))
    text += ip("nexthop show")
    return sorted(line.strip() for line in text.splitlines()
                  if not re.search("fe80|multicast|anycast", line))


def ours():
    return [line for line in kernel() if "proto 77" in line or "proto multihome" in line]


@pytest.fixture(scope="session")
def private():
    try:
        if os.geteuid():
            uid, gid = os.geteuid(), os.getegid()
            unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET)
            write("/proc/self/setgroups", "deny")
            write("/proc/self/uid_map", f"0 {uid} 1")
            write("/proc/self/gid_map", f"0 {gid} 1")
        else:
            unshare(CLONE_NEWNS | CLONE_NEWNET)
    except OSError as e:
        pytest.skip(f"no private namespaces: {e}")
    run("mount", "--make-rprivate", "/")


@pytest.fixture
def lab(private):
    mounts = ["/run", "/etc/ppp", "/etc/systemd", "/etc/iproute2"]
    unshare(CLONE_NEWNET)
    mounts = [m for m in mounts if os.path.isdir(m)]
    for mount in mounts:
        run("mount", "-t", "tmpfs", "tmpfs", mount)
    run("mount", "-t", "sysfs", "sysfs", "/sys", check=False)
    ip("link set lo up")
    sysctl("net.ipv4.conf.all.rp_filter", 0)
    sysctl("net.ipv4.conf.default.rp_filter", 0)
    sysctl("net.ipv4.fib_multipath_hash_policy", 1)
    sysctl("net.ipv6.fib_multipath_hash_policy", 1)
    sysctl("net.ipv4.ip_forward", 1)
    sysctl("net.ipv6.conf.all.forwarding", 1)
    yield
    for mount in ["/sys", *reversed(mounts)]:
        run("umount", "-R", "-l", mount, check=mount != "/sys")


@pytest.fixture
def two(lab):
    """Two links, 8 to 2, with both families."""
    add_uplink("isp1", 1)
    add_uplink("isp2", 2)
    wait_for_carrier("isp1", "isp2")
    multihome("up isp1 --via 10.1.0.1 --via 2001:db8:1::1 --weight 8")
    multihome("up isp2 --via 10.2.0.1 --via 2001:db8:2::1 --weight 2")


def wait_for_carrier(*names):
    for name in names:
        for _ in range(3000):
            if "LOWER_UP" in ip(f"link show {name}"):
                break
            time.sleep(0.01)
        else:
            pytest.fail(f"{name} gets no carrier")


# Explain, against `ip route get`.

RULES = [
    "fwmark 0x1/0xf", "fwmark 0x20/0xf0 pref 1101", "iif lan0 fwmark 0x100/0xf00",
    "uidrange 1000-1999", "ipproto tcp dport 25", "ipproto udp sport 5000-5999 dport 53",
    "to 198.51.100.0/25", "not to 100.64.0.0/10 fwmark 0x4000/0x4000", "iif lo uidrange 3000-3999",
    "to 2001:db8:aaaa::/48", "from 192.168.7.128/25", "ipproto icmp pref 1150",
]


def break_up_routing():
    """What else stands on hosts: foreign rules, routes and refusals."""
    add_uplink("isp3", 3)
    add_lan()
    wait_for_carrier("isp3", "lan0")
    multihome("up isp3 --via 10.3.0.1 --via 2001:db8:3::1 --weight 0 --source 203.0.113.0/28",
              "--rule", RULES[0], "--rule", RULES[3], "--rule", RULES[6], "--rule", RULES[8])
    link1 = [w for n in (1, 4, 7, 9) for w in ("--rule", RULES[n])]
    link2 = [w for n in (2, 5, 10, 11) for w in ("--rule", RULES[n])]
    multihome("up isp1 --via 10.1.0.1 --via 2001:db8:1::1 --weight 8 --route 192.0.2.0/26", *link1)
    multihome("up isp2 --via 10.2.0.1 --via 2001:db8:2::1 --weight 2", *link2)
    ip("route add 172.16.0.0/12 via 192.168.7.9 dev lan0")
    ip("route add 172.16.5.0/24 via 10.3.0.1 dev isp3")
    ip("route add 172.16.5.0/24 via 192.168.7.9 dev lan0 metric 50")
    ip("route add blackhole 172.20.0.0/16")
    ip("route add unreachable 172.21.0.0/16")
    ip("route add prohibit 172.22.0.0/16")
    ip("route add throw 172.23.0.0/16")
    ip("route add 172.24.0.0/16 nexthop via 10.1.0.1 weight 3 nexthop via 10.2.0.1 weight 1")
    ip("route add 100.64.0.0/10 via 10.3.0.1 table 900")
    ip("route add default via 10.3.0.1 table 901")
    ip("rule add pref 1300 to 100.64.0.0/10 lookup 900")
    ip("rule add pref 1310 fwmark 0x8000/0x8000 goto 1320")
    ip("rule add pref 1315 fwmark 0x8000/0x8000 prohibit")
    ip("rule add pref 1320 fwmark 0x8000/0xc000 lookup 901")
    ip("rule add pref 1330 to 172.25.0.0/16 blackhole")
    ip("rule add pref 1340 to 172.26.0.0/16 nop")
    ip("-6 route add 2001:db8:bbbb::/48 via 2001:db8:3::1")
    ip("-6 route add unreachable 2001:db8:cccc::/48")
    ip("-6 rule add pref 1300 fwmark 0x8000/0x8000 to 2001:db8:dddd::/48 prohibit")


def random_packet(rng, family):
    """Words for both commands; what the two call by different names is put apart."""
    inet = family == 4
    near = ["172.16.1.1", "172.16.5.7", "172.20.1.1", "172.21.1.1", "172.22.1.1", "172.23.1.1",
            "172.24.3.4", "172.25.1.1", "172.26.1.1", "100.64.7.7", "198.51.100.9",
            "198.51.100.200", "192.0.2.5", "192.0.2.77", "192.168.7.20", "10.1.0.1", "10.3.0.9",
            "10.1.0.2", "198.18.8.8", "9.9.9.9", "203.0.113.77"] if inet else [
            "2001:db8:aaaa::1", "2001:db8:bbbb::1", "2001:db8:cccc::1", "2001:db8:dddd::1",
            "2001:db8:70::20", "2001:db8:1::1", "2001:db8:1::2", "2001:4860::8", "2a00::1"]
    packet = {"to": rng.choice(near)}
    own = ["10.1.0.2", "10.2.0.2", "10.3.0.2", "192.168.7.1"] if inet else [
        "2001:db8:1::2", "2001:db8:2::2", "2001:db8:3::2", "2001:db8:70::1"]
    other = ["192.168.7.20", "192.168.7.200", "203.0.113.5", "172.16.1.9", "8.8.4.4"] if inet else [
        "2001:db8:70::20", "2001:db8:bbbb::5", "2001:4860::4"]
    if rng.random() < 0.4:
        packet["iif"] = rng.choice(["lan0", "isp1", "isp2", "isp3"])
        packet["from"] = rng.choice(other)
    elif rng.random() < 0.5:
        packet["from"] = rng.choice(own)
    if rng.random() < 0.5:
        packet["mark"] = rng.choice([0x1, 0x2, 0x20, 0x21, 0x31, 0x100, 0x120, 0x4000, 0x4001,
                                     0x8000, 0xc000, 0x8020])
    if rng.random() < 0.6:
        packet["uid"] = rng.choice([0, 999, 1000, 1500, 1999, 2000, 3500])
    if rng.random() < 0.5:
        proto = rng.choice(["tcp", "udp", "icmp" if inet else "tcp"])
        packet["ipproto"] = proto
        if proto != "icmp":
            packet["sport"] = rng.choice([4999, 5000, 5999, 40000])
            packet["dport"] = rng.choice([25, 53, 80])
    return packet


def ask_ip(packet, family):
    """("sent", devices) or ("local",) or ("error", text)."""
    words = dict(packet)
    # A packet that comes in belongs to nobody, which to the kernel's forwarding is root; only the
    # IPv6 side of ip lets the asker say otherwise.
    if "iif" in words:
        words["uid"] = 0
    text = " ".join(f"{k} {v}" for k, v in words.items() if k != "to")
    done = run("ip", f"-{family}", *f"route get {words['to']} {text}".split(), check=False)
    if done.returncode:
        return "error", done.stderr.strip()
    first = done.stdout.split()
    if first[0] in ("local", "broadcast", "anycast"):
        return ("local",)
    if first[0] in ("unreachable", "blackhole", "prohibit"):
        return "error", done.stdout
    return "sent", first[first.index("dev") + 1]


def ask_us(packet):
    done = multihome("explain " + " ".join(f"{k} {v}" for k, v in packet.items()))
    first = done.stdout.splitlines()[0]
    if " goes by " in first:
        ways = first.split(" goes by ")[1].split(", ")
        return "sent", {way.split()[0] for way in ways}, done.stdout
    if first.endswith("is this host"):
        return "local", None, done.stdout
    return "error", first, done.stdout


def agree(theirs, mine):
    if theirs[0] != mine[0]:
        return False
    return theirs[0] != "sent" or theirs[1] in mine[1]


PACKETS = [6 if i % 3 == 2 else 4 for i in range(500)]


def compare_answers(packets):
    """How many packets can go by each device, nowhere, or are refused, if all answers agree.

    By what the command says: where two links share a default, which of them the kernel names is
    a matter of luck.
    """
    counts, wrong = collections.Counter(), []
    for packet, family in packets:
        theirs, mine = ask_ip(packet, family), ask_us(packet)
        counts.update(mine[1] if mine[0] == "sent" else [])
        counts["nowhere"] += mine[0] == "error"
        counts["refused"] += "which belongs to isp" in mine[2]
        if not agree(theirs, mine):
            wrong.append(f"{packet}\n  ip: {theirs}\n  us: {mine[2]}")
    print(dict(counts))
    assert not wrong, f"{len(wrong)} differ\n" + "\n".join(wrong[:10])
    assert all(counts[name] >= 10 for name in ("isp1", "isp2", "isp3", "lan0"))
    return counts


@pytest.mark.parametrize("strict", [False, True])
def test_explain_agrees_with_ip_route_get(two, strict):
    # Whatever packet is described, the command names the link that the kernel itself takes for
    # it, or says that it is not sent where the kernel says so.
    if ONE_USER:
        pytest.skip("rules for users need users")
    break_up_routing()
    if strict:
        for name in ("lan0", "isp1", "isp2", "isp3"):
            sysctl(f"net.ipv4.conf.{name}.rp_filter", 1)
    rng = random.Random(SEED + strict)
    counts = compare_answers((random_packet(rng, family), family) for family in PACKETS)
    assert counts["nowhere"] >= 20


def random_packet6(rng):
    """What IPv6 has besides: prefixes of LANs, of links that are up and of links that are gone."""
    packet = random_packet(rng, 6)
    if rng.random() < 0.5:
        packet["iif"] = rng.choice(["lan0", "isp1", "isp3"])
        packet["from"] = rng.choice([
            "2001:db8:21::20", "2001:db8:22::20", "2001:db8:22:7::20", "2001:db8:23::20",
            "2001:db8:24::20", "2001:db8:25::20", "2001:db8:26::20", "2001:db8:70::20"])
    elif rng.random() < 0.5:
        packet.pop("iif", None)
        packet.pop("from", None)
    return packet


def test_explain_agrees_with_ip_route_get_for_ipv6(two):
    # Prefixes that hooks have added, those of a link that was taken down and of one that was
    # killed, a link without share, two tiers, and the host's own packets without address.
    if ONE_USER:
        pytest.skip("rules for users need users")
    break_up_routing()
    multihome("up isp2 --via 10.2.0.1 --via fe80::2 --weight 2 --source 2001:db8:22::/48")
    multihome("source add isp1 2001:db8:21::/48")
    multihome("source add isp3 2001:db8:22:7::/64")
    for n in (4, 5, 6):
        add_uplink(f"isp{n}", n)
        wait_for_carrier(f"isp{n}")
        multihome(f"up isp{n} --via fe80::{n} --metric {n} --source 2001:db8:2{n}::/48")
    multihome("source add isp4 2001:db8:23::/56")
    multihome("down isp4")
    ip("link del isp5")
    ip("link set isp6 down")
    rng = random.Random(SEED)
    counts = compare_answers((random_packet6(rng), 6) for _ in PACKETS)
    assert counts["refused"] >= 20
    # Each is refused in words that say why.
    for n, words in ((4, "isp4: that link is gone"), (5, "isp5: that link is gone"),
                     (6, "isp6: that link has no way out")):
        assert f"belongs to {words}" in multihome(
            f"explain iif lan0 from 2001:db8:2{n}::20 to 2a00::1").stdout


def test_explain_unbound_ipv6_packets_of_the_host(two):
    # They take a table of their own, by the shares of the links.
    out = multihome("explain 2a00::1").stdout
    first = out.splitlines()[0]
    assert "isp1 via 2001:db8:1::1 (80%)" in first and "isp2 via 2001:db8:2::1 (20%)" in first
    assert out.splitlines()[1] == "  by -6 route default nexthop ... table 77000 metric 1"
    assert "lookup 77000" in out.splitlines()[-1] and out.splitlines()[-1].endswith("it decides")
    assert ask_ip({"to": "2a00::1"}, 6)[1] in ("isp1", "isp2")
    # Forwarded ones do not: theirs is the default of main.
    out = multihome("explain iif isp1 from 2001:db8:70::5 to 2a00::1").stdout
    assert "this host makes" not in out and "table 77000" not in out and "nhid" in out
    # Only the last resort of that table is left: the kernel asks again.
    multihome("weight isp2 0")
    ip("-6 route flush table 77000 metric 1")
    out = multihome("explain 2a00::1").stdout
    assert "chooses one of all the host's addresses and asks again" in out


def test_explain_says_why(two):
    # The deciding rule stands last, what it lost against above it, each with its reason.
    multihome("up isp1 --via 10.1.0.1 --weight 8", "--rule", "fwmark 0x1/0xff",
              "--rule", "ipproto tcp dport 25")
    lines = multihome("explain mark 0x2 ipproto tcp dport 25 to 198.18.8.8").stdout.splitlines()
    assert lines[0] == "198.18.8.8 goes by isp1 via 10.1.0.1"
    assert "table 77001" in lines[1]
    assert any("fwmark 0x1/0xff" in line and "its mark is 0x2" in line for line in lines)
    assert "dport 25" in lines[-1] and lines[-1].endswith("it decides")
    # A packet without a source follows the shared default, with the shares that are in force.
    assert multihome("explain 198.18.8.8").stdout.startswith(
        "198.18.8.8 goes by isp1 via 10.1.0.1 (80%), isp2 via 10.2.0.1 (20%)\n")
    # Its answer leaves by the link whose address it bears.
    assert "goes by isp2 " in multihome("explain from 10.2.0.2 to 198.18.8.8").stdout
    assert "is this host" in multihome("explain to 10.2.0.2").stdout
    sysctl("net.ipv4.ip_forward", 0)
    out = multihome("explain iif isp1 from 8.8.4.4 to 198.18.8.8").stdout
    assert "is dropped" in out and "does not forward" in out


@pytest.mark.parametrize("words", [
    "explain", "explain from 10.1.0.2", "explain from 10.1.0.2 to 2001:db8::1", "explain to 10/8",
    "explain iif isp1 to 198.18.8.8", "explain dport 25 to 198.18.8.8", "explain mark x to 198.18.8.8",
    "explain to 198.18.8.8 from", "explain colour red to 198.18.8.8", "explain to 300.1.1.1",
    "explain uid no-such-user to 198.18.8.8", "explain ipproto 300 to 198.18.8.8",
])
def test_explain_refuses_what_is_no_packet(lab, words):
    assert len(multihome(words, code=2).stderr.splitlines()) == 1


# Links.

def test_up_gives_a_link_all_it_needs(lab):
    # An Ethernet with a router: table, rules, two nexthops a family, group and default.
    add_uplink("isp1", 1)
    wait_for_carrier("isp1")
    multihome("up isp1 --via 10.1.0.1 --via 2001:db8:1::1 --table 100 --weight 8 --metric 5 "
              "--source 203.0.113.8/29 --source 2001:db8:11::/48 --route 198.51.100.0/24",
              "--rule", "ipproto tcp dport 25", "--rule", "fwmark 0x1/0xf pref 1150")
    rules = ip("rule show") + ip("-6 rule show")
    for rule in ("1000:\tfrom all lookup main suppress_prefixlength 0",
                 "1100:\tfrom all ipproto tcp dport 25 lookup 100",
                 "1150:\tfrom all fwmark 0x1/0xf lookup 100",
                 "1200:\tfrom 10.1.0.2 lookup 100",
                 "1203:\tfrom 203.0.113.8/29 lookup 100",
                 "1408:\tfrom all to 198.51.100.0/24 lookup 100",
                 "1200:\tfrom 2001:db8:1::2 lookup 100",
                 "1280:\tfrom 2001:db8:11::/48 lookup 100"):
        assert rule in rules, rule
    assert "default via 10.1.0.1 dev isp1" in ip("route show table 100")
    assert "default via 2001:db8:1::1 dev isp1" in ip("-6 route show table 100")
    assert re.search(r"default nhid \d+ .*metric 5", ip("route show"))
    assert len(re.findall("dev isp1", ip("nexthop show"))) == 4


def test_status_json_keeps_to_its_schema(two):
    add_uplink("isp3", 3, v6=False)
    wait_for_carrier("isp3")
    multihome("up isp3 --via 10.3.0.1 --weight 0 --metric 7 --source 203.0.113.0/28 "
              "--route 198.51.100.0/24", "--rule", "uidrange 0-0")
    check_schema(status())
    one = json.loads(multihome("status isp3 --json").stdout)
    check_schema(one)
    assert [link["ifname"] for link in one["links"]] == ["isp3"]
    isp3 = one["links"][0]
    assert isp3["state"] == "drained" and isp3["inet6"] is None
    multihome("source add isp3 2001:db8:33::/48")
    multihome("source add isp3 198.51.100.64/26")
    sources = json.loads(multihome("status isp3 --json").stdout)["links"][0]["sources"]
    assert sources == ["203.0.113.0/28", "2001:db8:33::/48", "198.51.100.64/26"]
    assert isp3["sources"] == ["203.0.113.0/28"] and isp3["routes"] == ["198.51.100.0/24"]
    assert isp3["rules"] == ["uidrange 0-0"]
    assert isp3["inet"] == {"local": "10.3.0.2", "peer": None, "gateway": "10.3.0.1",
                            "table": 77003, "weight": 0, "share": 0.0, "metric": 7}
    assert abs(isp3["since"] - time.time()) < 60
    links = {link["ifname"]: link for link in status()["links"]}
    assert links["isp1"]["inet"]["share"] == pytest.approx(0.8, abs=0.001)
    assert links["isp2"]["inet6"]["share"] == pytest.approx(0.2, abs=0.001)
    # IPv6 knows no metric 0.
    assert links["isp2"]["inet"]["metric"] == 0 and links["isp2"]["inet6"]["metric"] == 1
    assert links["isp2"]["inet6"]["addresses"] == ["2001:db8:2::2"]
    assert [d["metric"] for d in status()["defaults"]] == [0, 1]
    run("ping", "-c1", "-W1", "-I", "isp1", "10.1.0.1")
    after = {link["ifname"]: link for link in status()["links"]}
    assert after["isp1"]["tx_bytes"] > links["isp1"]["tx_bytes"]
    multihome("status nolink", code=1)


PART = {"local": str, "peer": (str, None), "gateway": (str, None), "table": int, "weight": int,
        "share": float, "metric": int}
PART6 = {**PART, "addresses": [str]}
LINK = {"ifname": str, "ifindex": int, "state": ("up", "drained", "stale"), "inet": (PART, None),
        "inet6": (PART6, None), "sources": [str], "routes": [str], "rules": [str],
        "rx_bytes": int, "tx_bytes": int, "since": int}
SCHEMA = {
    "links": [LINK],
    "defaults": [{"family": ("inet", "inet6"), "metric": int,
                  "type": ("resilient", "hash-threshold"),
                  "links": [{"ifname": str, "weight": int}]}],
    "problems": [{"code": str, "text": str, "mend": (str, None)}],
}


def fits(value, schema):
    """A type; a tuple of choices; a list of such; or an object with exactly these keys."""
    if isinstance(schema, tuple):
        return any(fits(value, choice) for choice in schema)
    if isinstance(schema, list):
        return isinstance(value, list) and all(fits(v, schema[0]) for v in value)
    if isinstance(schema, dict):
        return isinstance(value, dict) and list(value) == list(schema) and \
            all(fits(value[k], schema[k]) for k in schema)
    if isinstance(schema, type):
        return type(value) is schema
    return value == schema


def check_schema(value):
    assert fits(value, SCHEMA), json.dumps(value, indent=1)


def test_status_is_plain_when_piped(two):
    # Aligned columns, one line a link and family, no escape sequence and no bar.
    out = multihome("status").stdout
    assert "\033" not in out and out.isascii()
    lines = out.splitlines()
    head = lines[0]
    assert head.split() == ["LINK", "STATE", "SHARE", "WEIGHT", "TIER", "TABLE", "ADDRESS",
                            "GATEWAY", "RX", "TX", "UP"]
    at = head.index("ADDRESS")
    assert [line[at - 1] for line in lines[1:5]] == [" "] * 4
    assert lines[1][at:].startswith("10.1.0.2 ") and lines[2][at:].startswith("2001:db8:1::2 ")
    assert "IPv4 default, metric 0, resilient: isp1 8, isp2 2" in lines
    assert multihome("status", env={"NO_COLOR": ""}).stdout.splitlines()[0] == head


def on_terminal(words, **env):
    out = run("env", *[f"{k}={v}" for k, v in env.items()], "script", "-qec",
              f"{MULTIHOME} {words}", "/dev/null", check=False).stdout
    return out.replace("\r", "")


def test_status_on_a_terminal_has_bars_and_problems_first(two):
    ip("route add default via 10.2.0.1 metric 0 proto static", check=False)
    ip("rule flush")
    ip("rule add pref 32766 lookup main")
    out = on_terminal("status", TERM="xterm", LC_ALL="C.UTF-8")
    assert "\033[1misp1\033[0m" in out and "\u2588" * 10 in out
    assert out.index("out-of-step") < out.index("LINK") and "mend:" in out
    plain = on_terminal("status", TERM="xterm", NO_COLOR="1", LC_ALL="C")
    assert "\033" not in plain and "#" * 10 in plain
    # On a narrow one, what is missed least is left out, and no line is broken.
    multihome("reconcile")
    run("mkdir", "-p", "/run/bin")
    write("/run/bin/narrow", f"#!/bin/sh\nstty cols 80\nexec {MULTIHOME} status\n")
    narrow = run("env", "TERM=dumb", "LC_ALL=C", "script", "-qec", "sh /run/bin/narrow",
                 "/dev/null").stdout.replace("\r", "").splitlines()
    assert max(map(len, narrow)) <= 80
    assert "ADDRESS" in narrow[0] and "GATEWAY" not in narrow[0]


def test_gateways_local_address_is_the_one_beside_it(lab):
    # Several addresses: that of the gateway's prefix is the link's own, and for a gateway that is
    # in none of them, or is link-local, the first global one.
    add_uplink("isp1", 1)
    wait_for_carrier("isp1")
    ip("addr flush dev isp1")
    for address in ("192.0.2.7/24", "10.9.0.2/16", "10.1.0.2/24"):
        ip(f"addr add {address} dev isp1")
    ip("addr add 2001:db8:5::2/64 dev isp1 nodad")
    multihome("up isp1 --via 10.1.0.1")
    assert status()["links"][0]["inet"]["local"] == "10.1.0.2"
    multihome("up isp1 --via 100.64.0.1 --via fe80::1")
    link = status()["links"][0]
    assert link["inet"]["local"] == "192.0.2.7"
    assert link["inet6"]["local"] == "2001:db8:5::2" and link["inet6"]["gateway"] == "fe80::1"
    assert "onlink" in ip("route show table 77001")


def add_tun(name, local, peer=None):
    ip(f"tuntap add {name} mode tun")
    ip(f"addr add {local} {'peer ' + peer if peer else ''} dev {name}")
    ip(f"link set {name} up")


def test_a_tun_needs_no_gateway(lab):
    # Point-to-point: the peer stands in the record, and the default goes by the device alone.
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("no right to /dev/net/tun")
    add_tun("tun7", "10.8.0.6", "10.8.0.5")
    multihome("up tun7 --table 300")
    link = status()["links"][0]
    assert link["inet"]["local"] == "10.8.0.6" and link["inet"]["peer"] == "10.8.0.5"
    assert link["inet"]["gateway"] is None
    assert "default dev tun7" in ip("route show table 300")
    ip("link del tun7")
    assert status()["links"][0]["state"] == "stale"
    multihome("down tun7")
    assert ours() == [] and status()["links"] == []


USAGE = [
    "", "nothing", "--nothing", "--run-dir run status", "status a b", "status --nothing",
    "up", "up a b", "up lo --weight 257", "up lo --weight -1", "up lo --weight", "up lo --via 10/8",
    "up lo --via x", "up lo --via 10.0.0.1 --via 10.0.0.2", "up lo --table no-such-table",
    "up lo --table main", "up lo --table 0", "up lo --metric 4294967296",
    "up lo --source 10.0.0.1/24", "up lo --route 10.0.0.0/33", "up lo --rule bogus",
    "up isp1", "up a-name-that-is-too-long --via 10.0.0.1", "down", "down a b",
    "weight", "weight lo", "weight lo 257", "weight lo x", "weight lo 1 2", "reconcile x",
    "check x", "flush x", "flush --force", "source", "source add", "source add isp1",
    "source set isp1 2001:db8:1::/48", "source add isp1 2001:db8:1::/33", "source add isp1 x",
    "source add isp1 2001:db8:1::/48 2001:db8:2::/48", "source del isp1 2001:db8::/129",
]


@pytest.mark.parametrize("words", USAGE)
def test_wrong_arguments_are_told_in_one_line(lab, words):
    # Exit 2, nothing on stdout, nothing changed.
    add_uplink("isp1", 1)
    done = multihome(words, code=2)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 or words == ""
    assert not os.path.exists("/run/multihome")


@pytest.mark.parametrize("words,text", [
    ("up nolink --via 10.0.0.1", "nolink: no such interface"),
    ("up isp1 --via 2001:db8::1", "isp1: no IPv6 address"),
    ("down nolink", "nolink: no such link or interface"),
    ("weight nolink 1", "nolink: no such link"),
    ("source add nolink 2001:db8::/48", "nolink: no such link"),
    ("source del nolink 2001:db8::/48", "nolink: no such link"),
])
def test_failures_are_told_in_one_line(lab, words, text):
    add_uplink("isp1", 1, v6=False)
    ip("-6 addr flush dev isp1")
    done = multihome(words, code=1)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1 and text in done.stderr


def test_a_lock_that_is_held_is_told(two):
    import fcntl
    with open("/run/multihome/lock", "r+", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = kernel()
        done = multihome("weight isp1 1", code=1)
        assert "lock" in done.stderr and len(done.stderr.splitlines()) == 1
        assert kernel() == before
        # Looking is possible all the same.
        assert len(status()["links"]) == 2


def test_run_dir_may_be_elsewhere(two):
    multihome("--run-dir /run/other up isp1 --via 10.1.0.1")
    assert os.path.exists("/run/other/links/isp1")
    assert len(json.loads(multihome("status --run-dir /run/other --json").stdout)["links"]) == 1


# Weight.

def members():
    """Weights in the default of metric 0, by link."""
    default = [d for d in status()["defaults"] if d["family"] == "inet"][0]
    return {link["ifname"]: link["weight"] for link in default["links"]}


def test_weight_is_live_and_stays(two):
    # It takes effect at once, is on record, and no reconcile undoes it.
    multihome("weight isp2 4")
    assert members() == {"isp1": 8, "isp2": 4}
    multihome("reconcile")
    assert members() == {"isp1": 8, "isp2": 4}
    links = {link["ifname"]: link for link in status()["links"]}
    assert links["isp2"]["inet"]["weight"] == 4


def test_live_weight_outlives_the_same_description(two):
    # A DHCP client's hook says "up" at every renewal: what was set meanwhile stays, until the
    # description itself says something else.
    up = "up isp2 --via 10.2.0.1 --via 2001:db8:2::1 --weight"
    multihome("weight isp2 0")
    multihome(f"{up} 2")
    assert members() == {"isp1": 8}
    multihome(f"{up} 5")
    assert members() == {"isp1": 8, "isp2": 5}


def test_flush_gives_rp_filter_back(lab):
    # What was loosened for a link is strict again when everything of ours is taken away.
    add_uplink("isp1", 1)
    wait_for_carrier("isp1")
    sysctl("net.ipv4.conf.isp1.rp_filter", 1)
    multihome("up isp1 --via 10.1.0.1")
    assert sysctl("net.ipv4.conf.isp1.rp_filter") == "2"
    multihome("flush")
    assert sysctl("net.ipv4.conf.isp1.rp_filter") == "1"
    multihome("reconcile")
    assert sysctl("net.ipv4.conf.isp1.rp_filter") == "2"


def test_weight_0_drains_and_another_brings_back(two):
    # New flows leave by the other link; the drained link keeps table and rules, so what bears its
    # address stays on it.
    multihome("weight isp1 0")
    assert members() == {"isp2": 2}
    links = {link["ifname"]: link for link in status()["links"]}
    assert links["isp1"]["state"] == "drained" and links["isp1"]["inet"]["share"] == 0
    assert links["isp2"]["inet"]["share"] == 1
    for n in range(20):
        assert "dev isp2" in ip(f"route get 198.18.8.{n}")
    assert "dev isp1" in ip("route get 198.18.8.8 from 10.1.0.2")
    multihome("reconcile")
    assert members() == {"isp2": 2}
    multihome("weight isp1 8")
    assert members() == {"isp1": 8, "isp2": 2}


SERVER = """
import socket, sys, threading
def serve(connection):
    while data := connection.recv(4096):
        connection.sendall(sys.argv[1].encode() + b" " + data)
listener = socket.create_server(("198.18.8.8", 7), backlog=512)
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


@pytest.fixture
def servers(two):
    """Behind each provider a server of the same address, which says by whom it was reached."""
    running = []
    for name in ("isp1", "isp2"):
        ip(f"-n {name} addr add 198.18.8.8/32 dev lo")
        words = ["ip", "netns", "exec", name, "python3", "-c", SERVER, name]
        running.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        assert running[-1].stdout.readline() == "ready\n"
    yield
    for server in running:
        server.kill()
        server.communicate()


def ask_server(connection):
    connection.sendall(b"x")
    return connection.recv(4096).split()[0].decode()


def connect(n):
    return [socket.create_connection(("198.18.8.8", 7), timeout=5) for _ in range(n)]


def test_established_connections_stay_on_a_drained_link(servers):
    # Of many connections each link has some; after draining all of them go on where they were, no
    # new one takes the link, and with its weight back it gets new ones again.
    old = connect(100)
    before = [ask_server(c) for c in old]
    assert before.count("isp1") >= 60 and before.count("isp2") >= 5
    multihome("weight isp1 0")
    new = connect(100)
    assert {ask_server(c) for c in new} == {"isp2"}
    assert [ask_server(c) for c in old] == before
    multihome("weight isp1 8")
    assert [ask_server(c) for c in old] == before
    assert {ask_server(c) for c in new} == {"isp2"}
    # Buckets that carried the drained link's new flows are busy and stay; a fresh share comes from
    # those that are not.
    assert [ask_server(c) for c in connect(100)].count("isp1") >= 60


def test_new_flows_follow_the_weights(two):
    # 8 to 2 to 1, over a link that has joined later.
    add_uplink("isp3", 3)
    wait_for_carrier("isp3")
    multihome("up isp3 --via 10.3.0.1 --weight 1")
    counts = {"10.1.0.2": 0, "10.2.0.2": 0, "10.3.0.2": 0}
    rng = random.Random(SEED)
    for _ in range(4400):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect((f"198.18.{rng.randrange(256)}.{rng.randrange(1, 255)}",
                       rng.randrange(1, 65536)))
            counts[s.getsockname()[0]] += 1
    assert 3000 <= counts["10.1.0.2"] <= 3400, counts
    assert 650 <= counts["10.2.0.2"] <= 950, counts
    assert 280 <= counts["10.3.0.2"] <= 520, counts


def test_the_last_link_is_not_drained(two):
    multihome("weight isp1 0")
    before = kernel()
    done = multihome("weight isp2 0", code=1)
    assert "last link" in done.stderr and "isp2" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and kernel() == before
    # A link whose interface is down does not count, nor does one without that family.
    multihome("weight isp1 8")
    ip("link set isp1 down")
    multihome("weight isp2 0", code=1)
    multihome("weight isp2 0 --force")
    assert status()["defaults"] == []


# IPv6: addresses and prefixes that come and go.

def rules6():
    return [line.replace("\t", " ") for line in ip("-6 rule show").splitlines()
            if "proto 77" in line or "proto multihome" in line]


def has_rule6(text):
    return any(line.startswith(text) for line in rules6())


def link_of(name):
    return next((link for link in status()["links"] if link["ifname"] == name), None)


def wait_for_link_local(name):
    for _ in range(3000):
        if re.search("inet6 fe80(?!.*tentative)", ip(f"-6 addr show dev {name} scope link")):
            return
        time.sleep(0.01)
    pytest.fail(f"{name} has no link-local address")


def test_a_renumbered_link_stays_up(lab):
    # The provider gives another prefix: the old address goes, a new one comes. The link is up all
    # the while, and the rules follow.
    add_uplink("isp1", 1)
    wait_for_carrier("isp1")
    wait_for_link_local("isp1")
    multihome("up isp1 --via 10.1.0.1 --via fe80::1")
    ip("addr del 2001:db8:1::2/64 dev isp1")
    ip("addr add 2001:db8:5::2/64 dev isp1 nodad")
    multihome("reconcile")
    assert link_of("isp1")["inet6"]["addresses"] == ["2001:db8:5::2"]
    assert has_rule6("1200: from 2001:db8:5::2 lookup 77001")
    assert not has_rule6("1200: from 2001:db8:1::2")
    assert "default via fe80::1 dev isp1" in ip("-6 route show table 77001")
    # All of them: a day without any, and several.
    ip("addr del 2001:db8:5::2/64 dev isp1")
    multihome("reconcile")
    assert link_of("isp1")["inet6"]["addresses"] == []
    ip("addr add 2001:db8:6::2/64 dev isp1 nodad")
    ip("addr add 2001:db8:6::3/64 dev isp1 nodad")
    multihome("reconcile")
    assert link_of("isp1")["inet6"]["addresses"] == ["2001:db8:6::2", "2001:db8:6::3"]
    assert " 2001:db8:6::2 +1 " in multihome("status").stdout
    assert [line.split() for line in multihome("status isp1").stdout.splitlines()[-2:]] == [
        ["inet6", "2001:db8:6::2"], ["inet6", "2001:db8:6::3"]]


def test_an_address_that_stays_is_the_links_own(lab):
    # Without a link-local address: not one that is deprecated, of privacy, or will expire, if there
    # is another.
    add_uplink("isp1", 1)
    wait_for_carrier("isp1")
    ip("-6 addr flush dev isp1")
    ip("addr add 2001:db8:1::5/64 dev isp1 nodad preferred_lft 0 valid_lft 900")
    multihome("up isp1 --via 2001:db8:1::1")
    assert link_of("isp1")["inet6"]["local"] == "2001:db8:1::5"
    ip("addr add 2001:db8:1::6/64 dev isp1 nodad preferred_lft 600 valid_lft 900")
    multihome("up isp1 --via 2001:db8:1::1")
    assert link_of("isp1")["inet6"]["local"] == "2001:db8:1::6"
    ip("addr del 2001:db8:1::6/64 dev isp1")
    sysctl("net.ipv6.conf.isp1.use_tempaddr", 2)
    ip("addr add 2001:db8:1::6/64 dev isp1 nodad mngtmpaddr preferred_lft 600 valid_lft 900")
    assert " temporary " in ip("-6 addr show dev isp1")
    multihome("up isp1 --via 2001:db8:1::1")
    assert link_of("isp1")["inet6"]["local"] == "2001:db8:1::6"
    assert len(link_of("isp1")["inet6"]["addresses"]) == 3
    for address in ("2001:db8:1::7", "2001:db8:1::8"):
        ip(f"addr add {address}/64 dev isp1 nodad")
    ip("addr add 2001:db8:1::9/64 dev isp1 nodad preferred_lft 600 valid_lft 900")
    multihome("up isp1 --via 2001:db8:1::1")
    assert link_of("isp1")["inet6"]["local"] in ("2001:db8:1::7", "2001:db8:1::8")


def test_a_link_local_address_alone_is_no_ipv6(lab):
    # Every interface has one; a tun that nobody gave IPv6 gets no IPv6 default. Where a gateway is
    # named, it is enough: addresses may come later, or a prefix alone.
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("no right to /dev/net/tun")
    add_tun("tun7", "10.8.0.6", "10.8.0.5")
    ip("addr add fe80::7/64 dev tun7 nodad")
    multihome("up tun7")
    assert link_of("tun7")["inet6"] is None
    ip("addr add fd00::7/64 dev tun7 nodad")
    multihome("up tun7")
    assert link_of("tun7")["inet6"]["addresses"] == ["fd00::7"]
    add_uplink("isp1", 1, v6=False)
    wait_for_carrier("isp1")
    wait_for_link_local("isp1")
    multihome("up isp1 --via fe80::1")
    assert link_of("isp1")["inet6"]["gateway"] == "fe80::1"


def test_source_comes_and_goes(two):
    # A prefix that DHCPv6 delegates: it has a rule from add to del, also when the link is described
    # anew, and is refused rather than sent by the other link.
    multihome("source add isp2 2001:db8:22::/48")
    multihome("source add isp2 2001:db8:22::/48")
    assert has_rule6("1280: from 2001:db8:22::/48 lookup 77002")
    assert has_rule6("1390: from 2001:db8:22::/48 unreachable")
    multihome("up isp2 --via 10.2.0.1 --via 2001:db8:2::1 --weight 2")
    assert link_of("isp2")["sources"] == ["2001:db8:22::/48"]
    assert "source   2001:db8:22::/48" in multihome("status isp2").stdout
    multihome("source del isp2 2001:db8:22::/48")
    multihome("source del isp2 2001:db8:22::/48")
    assert link_of("isp2")["sources"] == [] and not has_rule6("1280") and not has_rule6("1390")
    multihome("source add isp2 203.0.113.0/28")
    assert "1204:\tfrom 203.0.113.0/28 lookup 77002" in ip("rule show")


def test_source_says_what_it_cannot_do(two):
    multihome("up isp2 --via 10.2.0.1 --via 2001:db8:2::1 --source 2001:db8:22::/48")
    before = kernel()
    done = multihome("source del isp2 2001:db8:22::/48", code=1)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert "2001:db8:22::/48 stands in the link's own description" in done.stderr
    for n in range(256):
        multihome(f"source add isp2 2001:db8:7:{n:x}::/64")
    done = multihome("source add isp2 2001:db8:8::/64", code=1)
    assert len(done.stderr.splitlines()) == 1 and "more than 256" in done.stderr
    assert len(kernel()) == len(before) + 512


def test_a_lost_prefix_is_refused_until_it_is_said_to_be_over(two):
    multihome("up isp2 --via 10.2.0.1 --via 2001:db8:2::1 --source 2001:db8:22::/48 "
              "--source 203.0.113.0/28")
    multihome("source add isp2 2001:db8:23::/56")
    said = ('isp2 is gone: 2001:db8:22::/48, 2001:db8:23::/56 refused until it is back; '
            '"multihome down isp2" ends it')
    assert multihome("down isp2").stdout.splitlines() == [said]
    link = link_of("isp2")
    check_schema(status())
    assert link["state"] == "stale" and link["ifindex"] == 0
    assert link["inet"] is None and link["inet6"] is None
    out = multihome("status").stdout
    assert said in out.splitlines() and re.search("^isp2  stale ", out, re.M)
    assert said in multihome("status isp2").stdout.splitlines()
    packet = "from 2001:db8:22::7 iif isp1 to 2001:4860::8"
    out = multihome(f"explain {packet}").stdout
    assert out.startswith("2001:4860::8 is not reached: its source is in 2001:db8:22::/48, which "
                          "belongs to isp2: that link is gone")
    assert ask_ip({"iif": "isp1", "from": "2001:db8:22::7", "to": "2001:4860::8"}, 6)[0] == "error"
    # One of them goes by itself, the others by "down", and then nothing is left.
    multihome("source del isp2 2001:db8:22::/48")
    assert not has_rule6("1390: from 2001:db8:22") and has_rule6("1390: from 2001:db8:23::/56")
    assert multihome("down isp2").both == ""
    assert link_of("isp2") is None and not has_rule6("1390")
    assert "not a link on record" in multihome("down isp2").stderr


@pytest.mark.parametrize("event", ["", "reconcile"])
def test_down_of_a_link_whose_interface_is_gone_leaves_nothing(two, event):
    # Whether an event has come between or not.
    multihome("source add isp2 2001:db8:22::/48")
    ip("link del isp2")
    out = multihome("explain from 2001:db8:22::7 iif isp1 to 2001:4860::8").stdout
    assert "belongs to isp2: that link is gone" in out
    assert "isp2 is gone: 2001:db8:22::/48 refused" in multihome("status").stdout
    if event:
        multihome(event)
    multihome("down isp2")
    assert link_of("isp2") is None and not has_rule6("1390")
    assert status()["problems"] == []


def test_many_lost_prefixes_take_one_line(two):
    for n in range(5):
        multihome(f"source add isp2 2001:db8:2{n}::/48")
    assert ", 2001:db8:22::/48 and 2 more refused until" in multihome("down isp2").stdout


# Reconcile and flush.

def test_flush_and_reconcile_end_where_they_began(two):
    multihome("up isp1 --via 10.1.0.1 --via 2001:db8:1::1 --weight 8 --source 203.0.113.8/29",
              "--rule", "fwmark 0x1/0xf")
    ip("rule add pref 500 fwmark 0x77 lookup 4711")
    ip("route add 192.0.2.0/24 via 10.1.0.1 table 4711")
    ip("nexthop add id 5 via 10.2.0.1 dev isp2")
    before = kernel()
    multihome("flush")
    assert ours() == [] and len(kernel()) >= 3
    assert [line for line in kernel() if "4711" in line or "id 5 " in line] == \
        [line for line in before if "4711" in line or "id 5 " in line]
    lines = multihome("reconcile").stdout.splitlines()
    assert kernel() == before
    # Settings of interfaces are no objects, and replaced in place.
    settings = ["~ accept_ra_defrtr isp1 0", "~ accept_ra_defrtr isp2 0"]
    assert lines[:2] == settings and all(line.startswith("+ ") for line in lines[2:])
    assert multihome("reconcile").both == ""


def test_dry_run_says_what_reconcile_does(two):
    ip("rule del from 10.2.0.2")
    ip("rule add pref 1209 from 10.9.9.9 lookup 77009 proto 77")
    before = kernel()
    planned = multihome("reconcile --dry-run").stdout
    assert kernel() == before
    assert planned.splitlines() == ["+ rule 1200: from 10.2.0.2 lookup 77002",
                                    "- rule 1209: from 10.9.9.9 lookup 77009"]
    assert multihome("reconcile").stdout == planned


@pytest.mark.parametrize("foreign", [
    ["rule flush"], ["-6 rule flush"], ["route flush table 77001"], ["-6 route flush table 77002"],
    ["nexthop flush"], ["route del default"],
    ["rule flush", "nexthop flush", "route flush table 77001"],
])
def test_one_reconcile_mends_what_others_flushed(two, foreign):
    before = kernel()
    for command in foreign:
        ip(command, check=False)
    assert kernel() != before
    assert {p["code"] for p in status()["problems"]} >= {"out-of-step"}
    multihome("reconcile")
    # ip's own flush takes away the kernel's rules for main and default, which are not ours.
    lost = {line for line in before if line not in kernel()}
    assert not [line for line in lost if "77" in line], lost
    assert [p for p in status()["problems"] if p["code"] in ("out-of-step", "leftover")] == []
    assert multihome("reconcile").both == ""


def test_nothing_is_lost_on_the_other_link_meanwhile(two):
    # While the objects of one link are flushed and mended, the other one's answers all arrive.
    ip("-n isp2 addr add 198.18.8.8/32 dev lo")
    # With -w it goes on until 100 are answered: a lost one is a gap.
    ping = subprocess.Popen(["ping", "-n", "-i", "0.01", "-c", "100", "-w", "60", "-I", "10.2.0.2",
                             "198.18.8.8"], stdout=subprocess.PIPE, text=True)
    for _ in range(3):
        ip("route flush table 77001")
        ip("rule del from 10.1.0.2")
        multihome("reconcile")
    answered = re.findall(r"icmp_seq=(\d+) ttl", ping.communicate()[0])
    assert [int(n) for n in answered] == list(range(1, 101))


# Check.

def findings(code=1):
    out = multihome("check", code=code).stdout
    return {line.split(":")[0] for line in out.splitlines() if not line.startswith(" ")}, out


def test_a_healthy_host_has_no_finding(two):
    add_lan()
    wait_for_carrier("lan0")
    write("/etc/ppp/options", "lock\nnoauth\n")
    write("/etc/ppp/peers/isp9", "plugin multihome.so\nnodefaultroute\nmultihome-table isp9\n")
    write("/etc/ppp/peers/old", "defaultroute\nuser x\n")
    write("/etc/iproute2/rt_tables", "255 local\n254 main\n100 isp9\n")
    assert multihome("check", code=0).stdout == "nothing found\n"


def test_check_without_any_link(lab):
    assert multihome("check", code=0).stdout == "nothing found\n"


def check_finds(name, *words):
    found, out = findings()
    assert found == {name}, out
    assert "    mend: " in out
    for word in words:
        assert word in out, out
    return out


def test_check_foreign_default(two):
    ip("route del default")
    multihome("up isp1 --via 10.1.0.1 --metric 100")
    multihome("up isp2 --via 10.2.0.1 --metric 100")
    ip("route add default via 10.2.0.1 metric 50 proto dhcp")
    check_finds("foreign-default", "default via 10.2.0.1")
    links = {link["ifname"]: link for link in status()["links"]}
    assert links["isp1"]["inet"]["share"] == 0


def test_check_foreign_default_at_our_metric(two):
    ip("route prepend default via 10.2.0.1")
    check_finds("foreign-default", "default via 10.2.0.1")
    ip("route del default via 10.2.0.1 dev isp2 proto boot")
    findings(0)


def test_check_a_default_behind_ours_is_fine(two):
    ip("route add default via 10.2.0.1 metric 100 proto dhcp")
    findings(0)


def test_check_full_tunnel_rule(two):
    # As wg-quick does it: everything but the tunnel's own packets, in a table with a default.
    ip("link add wg type veth peer name wg1")
    ip("link set wg up")
    ip("route add default dev wg table 51820")
    ip("rule add not fwmark 51820 table 51820")
    ip("rule add table main suppress_prefixlength 0")
    check_finds("foreign-rule", "before our rules", "51820")
    ip("route flush table 51820")
    findings(0)


def test_check_catch_all_behind_ours(two):
    ip("rule add pref 5270 table 52")
    findings(0)
    ip("route add default via 10.2.0.1 table 52")
    check_finds("foreign-rule", "before the links' default")


def test_check_split_default(two):
    ip("route add 0.0.0.0/1 via 10.2.0.1")
    findings(0)
    ip("route add 128.0.0.0/1 via 10.2.0.1")
    check_finds("split-default", "OpenVPN")
    ip("route del 0.0.0.0/1")
    ip("-6 route add 2000::/3 via 2001:db8:2::1")
    check_finds("split-default", "2000::/3")


def test_check_rp_filter(two):
    sysctl("net.ipv4.conf.isp2.rp_filter", 1)
    check_finds("rp-filter", "isp2", "strict")
    multihome("reconcile")
    findings(0)


def test_check_networkd(two):
    write("/run/systemd/netif/state", "OPER_STATE=routable\n")
    check_finds("networkd", "ManageForeignRoutingPolicyRules", "ManageForeignRoutes",
                "ManageForeignNextHops")
    write("/etc/systemd/networkd.conf", "[Network]\nManageForeignRoutes=no\n"
          "ManageForeignNextHops=no\n[Other]\nManageForeignRoutingPolicyRules=no\n")
    out = check_finds("networkd", "ManageForeignRoutingPolicyRules")
    assert "ManageForeignRoutes" not in out
    write("/etc/systemd/networkd.conf.d/10-multihome.conf",
          "[Network]\nManageForeignRoutingPolicyRules = off\n")
    findings(0)
    write("/run/systemd/networkd.conf.d/20-other.conf", "[Network]\nManageForeignRoutes=true\n")
    check_finds("networkd", "ManageForeignRoutes: yes")
    write("/etc/systemd/networkd.conf.d/20-other.conf", "")
    findings(0)


def test_check_networkd_that_is_only_enabled(two):
    write("/etc/systemd/system/multi-user.target.wants/systemd-networkd.service", "")
    check_finds("networkd")


@pytest.mark.parametrize("version", [4, 6])
def test_check_hash_policy(two, version):
    sysctl(f"net.ipv{version}.fib_multipath_hash_policy", 0)
    check_finds("hash-policy", f"IPv{version}")
    multihome("weight isp2 0")
    findings(0)


def test_check_forwarding(two):
    sysctl("net.ipv4.ip_forward", 0)
    findings(0)
    add_lan()
    wait_for_carrier("lan0")
    check_finds("forwarding", "lan0", "ip_forward")
    # Where the network has a router of its own, this host need not be one.
    ip("route add 172.16.0.0/12 via 192.168.7.254")
    findings(0)


def test_check_same_address(two):
    ip("addr add 10.1.0.2/32 dev isp2")
    multihome("down isp2")
    ip("addr del 10.2.0.2/24 dev isp2")
    multihome("up isp2 --via 10.2.0.1")
    check_finds("same-address", "10.1.0.2", "isp1", "isp2")


def test_check_same_table(two):
    multihome("up isp1 --via 10.1.0.1 --table 200")
    multihome("up isp2 --via 10.2.0.1 --table 200")
    check_finds("same-table", "200")


def test_check_leftovers(two):
    ip("rule add pref 1200 from 10.9.9.9 lookup 77009 proto 77")
    ip("route add 192.0.2.0/24 via 10.1.0.1 table 77009 proto 77")
    check_finds("leftover", "and 1 more")
    multihome("reconcile")
    findings(0)


def test_check_record_of_an_interface_that_is_gone(two):
    ip("link del isp2")
    found, out = findings()
    assert "leftover" in found and "isp2" in out
    multihome("reconcile")
    findings(0)


def test_check_what_lacks(two):
    ip("rule del from 10.1.0.2")
    check_finds("out-of-step", "from 10.1.0.2")


@pytest.mark.parametrize("option", ["defaultroute", "replacedefaultroute", "defaultroute6"])
def test_check_defaultroute(two, option):
    write("/etc/ppp/peers/dsl", f"plugin \"/usr/lib/pppd/2.4.9/multihome.so\"\nlock {option}\n")
    check_finds("defaultroute", "/etc/ppp/peers/dsl", option)
    write("/etc/ppp/peers/dsl", f"plugin multihome.so\n# {option}\nipparam {option}\n")
    findings(0)
    write("/etc/ppp/options", f"{option}\n")
    check_finds("defaultroute", "/etc/ppp/peers/dsl", option)


def test_check_defaultroute_of_an_included_file(two):
    write("/etc/ppp/peers/dsl", "call common\n")
    write("/etc/ppp/peers/common", "plugin multihome.so file /etc/ppp/more\n")
    write("/etc/ppp/more", "defaultroute\ncall common\n")
    assert findings()[0] == {"defaultroute"}


def test_check_unknown_table(two):
    write("/etc/ppp/peers/dsl", "plugin multihome.so\nmultihome-table nowhere\n")
    check_finds("unknown-table", "nowhere", "/etc/ppp/peers/dsl")
    write("/etc/iproute2/rt_tables.d/mine.conf", "400 nowhere\n")
    findings(0)


def test_check_table_of_two_peers(two):
    write("/etc/iproute2/rt_tables.d/mine.conf", "400 dsl\n")
    write("/etc/ppp/peers/dsl1", "plugin multihome.so\nifname a\nmultihome-table dsl\n")
    write("/etc/ppp/peers/dsl2", "plugin multihome.so\nifname b\nmultihome-table 400\n")
    check_finds("table-twice", "dsl1", "dsl2", "400")
    # Two ways to bring up one link, and copies of a file, are none of that.
    write("/etc/ppp/peers/dsl2", "plugin multihome.so\nifname a\nmultihome-table 400\n")
    write("/etc/ppp/peers/dsl1~", "plugin multihome.so\nmultihome-table 400\n")
    findings(0)


def test_check_name_of_two_tables(two):
    write("/etc/iproute2/rt_tables.d/a.conf", "400 dsl\n")
    write("/etc/iproute2/rt_tables.d/b.conf", "401 dsl\n")
    check_finds("table-twice", "dsl", "400", "401")


def test_check_same_mark(two):
    multihome("up isp1 --via 10.1.0.1 --weight 8", "--rule", "fwmark 0x1/0x1")
    multihome("up isp2 --via 10.2.0.1 --weight 2", "--rule", "fwmark 0x2/0x2")
    findings(0)
    multihome("up isp2 --via 10.2.0.1 --weight 2", "--rule", "fwmark 0x3/0x3")
    check_finds("same-mark", "0x1/0x1", "0x3/0x3")
    # With preferences that differ, the order is what the owner wanted.
    multihome("up isp2 --via 10.2.0.1 --weight 2", "--rule", "fwmark 0x3/0x3 pref 1101")
    findings(0)
    ip("rule add pref 900 fwmark 0x5/0xff lookup 900")
    check_finds("same-mark", "0x5/0xff")


def test_check_kernel_that_is_too_old(lab):
    if not NO_NEXTHOPS:
        pytest.skip("MULTIHOME_NO_NEXTHOPS is not set")
    old = {"LD_PRELOAD": os.path.abspath(NO_NEXTHOPS),
           "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
    out = multihome("check", code=1, env=old).stdout
    assert out.startswith("no-nexthop-objects: ") and "5.13" in out
    add_uplink("isp1", 1)
    wait_for_carrier("isp1")
    done = multihome("up isp1 --via 10.1.0.1", env=old)
    assert "nexthop objects" in done.stderr and "isp1" in done.stderr
    out = multihome("check", code=1, env=old).stdout
    assert out.startswith("no-nexthop-objects: isp1: ") and out.count("mend:") == 1, out


def test_check_accept_ra(two):
    # Where the host forwards, and advertisements are the only way to an address.
    ip("addr del 2001:db8:2::2/64 dev isp2")
    wait_for_link_local("isp2")
    multihome("up isp2 --via 10.2.0.1 --via fe80::1 --weight 2")
    assert sysctl("net.ipv6.conf.isp2.accept_ra") == "1"
    check_finds("accept-ra", "isp2", "accept_ra=2", "noipv6")
    sysctl("net.ipv6.conf.isp2.accept_ra", 2)
    findings(0)
    sysctl("net.ipv6.conf.isp2.accept_ra", 1)
    sysctl("net.ipv6.conf.isp2.forwarding", 0)
    findings(0)
    sysctl("net.ipv6.conf.isp2.forwarding", 1)
    check_finds("accept-ra", "isp2")
    multihome("source add isp2 2001:db8:22::/48")
    findings(0)
    multihome("source del isp2 2001:db8:22::/48")
    ip("addr add 2001:db8:2::2/64 dev isp2 nodad")
    multihome("reconcile")
    findings(0)


def test_check_forwarding_of_ipv6(two):
    add_lan()
    wait_for_carrier("lan0")
    multihome("source add isp2 2001:db8:70::/56")
    findings(0)
    sysctl("net.ipv6.conf.all.forwarding", 0)
    check_finds("forwarding", "lan0", "isp2", "net.ipv6.conf.all.forwarding")
    # The addresses of a LAN that are none of a link's are not ours to send.
    multihome("source del isp2 2001:db8:70::/56")
    findings(0)


def test_check_an_advertised_default(two):
    # Behind ours it does no harm, and before ours it is a finding like any other's.
    ip("-6 route add default via fe80::1 dev isp2 metric 1024 proto ra")
    findings(0)
    multihome("up isp1 --via 10.1.0.1 --via 2001:db8:1::1 --metric 2000")
    multihome("up isp2 --via 10.2.0.1 --via 2001:db8:2::1 --metric 2000")
    check_finds("foreign-default", "dev isp2", "of metric 2001")
    # With no share given to any link, it would carry what no link is to have.
    multihome("weight isp1 0")
    multihome("weight isp2 0 --force")
    out = check_finds("foreign-default", "isp2", "router advertisement", "weight is 0")
    assert "isp1" not in out
    ip("-6 route del default dev isp2 proto ra")
    ip("-6 route add default via 2001:db8:2::1 dev isp2 metric 1024 proto static")
    findings(0)


def test_check_forwarded_packets_without_a_default(two):
    # The last link is drained by force: what comes in by it for hosts behind meets a filter that
    # asks for a way back.
    add_lan()
    wait_for_carrier("lan0")
    sysctl("net.ipv4.conf.isp2.rp_filter", 2)
    multihome("weight isp1 0")
    findings(0)
    multihome("weight isp2 0 --force")
    out = check_finds("no-default", "isp2", "lan0", "weight above 0")
    assert "isp1:" not in out
    packet = {"iif": "isp2", "from": "198.51.100.1", "to": "192.168.7.20"}
    assert ask_ip(packet, 4)[0] == "error" and ask_us(packet)[0] == "error"
    # Other ways back: a default of somebody else's, or a rule for that network's packets.
    ip("route add default via 10.1.0.1 metric 50")
    findings(0)
    ip("route del default via 10.1.0.1 metric 50")
    multihome("up isp2 --via 10.2.0.1 --via 2001:db8:2::1 --weight 0", "--rule", "iif lan0")
    findings(0)
    assert ask_ip(packet, 4) == ("sent", "lan0")


def test_check_names_that_links_share(lab):
    # pppd numbers interfaces that have no name of their own in the order of coming up.
    for n in (0, 1):
        add_uplink(f"ppp{n}", n + 1)
        wait_for_carrier(f"ppp{n}")
        multihome(f"up ppp{n} --via 10.{n + 1}.0.1 --via 2001:db8:{n + 1}::1")
    write("/etc/ppp/peers/isp1", "plugin multihome.so\nunit 7\n")
    write("/etc/ppp/peers/isp2", "plugin multihome.so\n")
    findings(0)
    multihome("source add ppp1 2001:db8:22::/48")
    out = check_finds("ifname", "ppp1", "/etc/ppp/peers/isp2", "ifname")
    assert "ppp0" not in out
    # A name in every file, or a link that is alone of its kind.
    write("/etc/ppp/peers/isp2", "plugin multihome.so\nifname ppp1\n")
    findings(0)
    write("/etc/ppp/peers/isp2", "plugin multihome.so\n")
    multihome("down ppp0")
    findings(0)


# Help and papers.

COMMANDS = ["status", "up", "down", "weight", "source", "reconcile", "explain", "check", "flush"]


def test_help(lab):
    out = multihome("--help").stdout
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", out, re.M)
        help_text = multihome(f"{command} --help").stdout
        assert help_text.startswith(f"usage: multihome {command}")
        assert max(map(len, help_text.splitlines())) <= 80
    assert max(map(len, out.splitlines())) <= 80
    assert re.fullmatch(r"multihome \d+\.\d+\.\d+\n", multihome("--version").stdout)


def test_output_that_cannot_be_written(lab):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([MULTIHOME, "--help"], stdout=full, stderr=subprocess.PIPE,
                              text=True, check=False)
    assert done.returncode == 1 and "cannot write" in done.stderr


@pytest.mark.parametrize("page,words", [
    ("tools/multihome.8", COMMANDS + ["multihome-table", "multihome-weight", "multihome-metric",
                                      "multihome-source", "multihome-route", "multihome-rule",
                                      "multihome-rp-filter", "MULTIHOME_LINKS_UP", "--force",
                                      "accept_ra", "77000"]),
    ("lib/libmultihome.3", ["mh_link_up", "mh_link_down", "mh_reconcile", "mh_status", "mh_check",
                            "mh_explain", "mh_link_weight", "mh_flush", "mh_link_source",
                            "mh_link_prepare", "mh_watch_open", "mh_watch_changed"]),
])
def test_man_pages(page, words):
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z",
                           SOURCE / page], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    shown = subprocess.run(["man", "-l", SOURCE / page], capture_output=True, text=True,
                           env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8",
                                "MAN_KEEP_FORMATTING": ""}, check=True).stdout
    text = re.sub(".\b", "", shown).replace("\u2010", "-").replace("\u2212", "-")
    for word in words:
        assert word in text, word


def complete(line, *links):
    """What bash offers at the end of the line."""
    answer = json.dumps({"links": [{"ifname": n} for n in links]}, indent=2)
    script = f"""
multihome() {{ printf '%s\\n' '{answer}'; }}
. {SOURCE}/tools/multihome.bash-completion
COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}
COMP_WORDS=({line}); [ "${{COMP_LINE: -1}}" != ' ' ] || COMP_WORDS+=('')
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_multihome
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return run("bash", "--norc", "-c", script).stdout.split()


def test_bash_completion(lab):
    ip("link add eth77 type veth peer name eth78")
    assert set(complete("multihome ")) >= set(COMMANDS)
    assert complete("multihome wei") == ["weight"]
    assert complete("multihome weight ", "isp1", "isp2") == ["isp1", "isp2"]
    assert complete("multihome down isp2", "isp1", "isp2") == ["isp2"]
    assert complete("multihome source ") == ["add", "del"]
    assert complete("multihome source d") == ["del"]
    assert complete("multihome source add isp", "isp1", "isp2") == ["isp1", "isp2"]
    assert complete("multihome source add isp1 ", "isp1", "isp2") == []
    assert "--force" in complete("multihome weight --", "isp1")
    assert "eth77" in complete("multihome up e")
    assert set(complete("multihome up eth77 --")) >= {"--via", "--table", "--weight", "--metric",
                                                      "--source", "--route", "--rule"}
    assert complete("multihome reconcile --d") == ["--dry-run"]
    assert set(complete("multihome explain ")) >= {"from", "to", "iif", "mark", "uid"}
    assert "eth77" in complete("multihome explain iif eth7")


def test_the_small_api_program(two):
    if not LINKS:
        pytest.skip("MULTIHOME_LINKS is not set")
    source = (SOURCE / "examples/api/links.c").read_text().splitlines()
    assert len(source) < 50
    out = run(LINKS).stdout
    assert re.search(r"isp1\s+up\s+80", out) and re.search(r"isp2\s+up\s+20", out)
