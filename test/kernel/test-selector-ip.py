# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Reads the same selectors with `ip rule add` and with the library, and demands the same verdict and
the same rule. Lines come from a grammar of all keywords with a fixed seed, half of them damaged. A
selector counts as accepted in a family when `ip -4` or `ip -6 rule add`, and the kernel behind it,
take it; the rule is what the kernel then dumps, attribute by attribute.

Environment: SELECTOR_TOOL, path of the program built from selector-tool.c; IP, the ip to compare
with. Runs as root, or as user with user namespaces, in which only uid 0 can be named in a rule.

Run with the argument "worker" it is the part that stands in the private network namespace.
"""

import json
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys

TOOL = os.environ.get("SELECTOR_TOOL", "./selector-tool")
IP = os.environ.get("IP", "ip")
SEED = 77
WANTED = 300
PREF = 1100
TABLE = 100

KEYWORDS = ["not", "from", "to", "iif", "dev", "oif", "fwmark", "uidrange", "ipproto", "sport",
            "dport", "tos", "dsfield", "pref", "preference", "order", "priority"]


# The worker: ip and the kernel.

RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
FRA = {1: "dst", 2: "src", 3: "iif", 6: "pref", 10: "fwmark", 15: "table", 16: "fwmask", 17: "oif",
       20: "uidrange", 22: "ipproto", 23: "sport", 24: "dport"}
# Suppressed by no prefix length; no protocol; from Linux 6.15 on, all bits of a port compared.
FRA_USUAL = {(14, b"\xff\xff\xff\xff"), (21, b"\0"), (28, b"\xff\xff"), (29, b"\xff\xff")}
NUMBERS = ("pref", "fwmark", "fwmask", "table")


def request(sock, kind, flags, body):
    sock.send(struct.pack("=IHHII", 16 + len(body), kind, flags | 1, 1, 0) + body)
    replies = []
    while True:
        data = sock.recv(1 << 20)
        while data:
            length, kind = struct.unpack_from("=IH", data)
            body, data = data[16:length], data[(length + 3) & ~3:]
            if kind == 3:
                return replies
            if kind == 2:
                error = struct.unpack_from("=i", body)[0]
                assert error == 0, os.strerror(-error)
                return replies
            replies.append(body)


def decode(body, family):
    """The rule as the helper program would print it, with what only the kernel knows."""
    _, dst_len, src_len, tos, _, _, _, action, flags = struct.unpack_from("=BBBBBBBBI", body)
    got, odd, rest = {}, [], body[12:]
    while rest:
        length, kind = struct.unpack_from("=HH", rest)
        value, rest = rest[4:length], rest[(length + 3) & ~3:]
        name = FRA.get(kind)
        if name in NUMBERS:
            got[name] = struct.unpack("=I", value)[0]
        elif name in ("iif", "oif"):
            got[name] = value.rstrip(b"\0").decode()
        elif name in ("src", "dst"):
            got[name] = socket.inet_ntop(family, value)
        elif name == "uidrange":
            got[name] = list(struct.unpack("=II", value))
        elif name in ("sport", "dport"):
            got[name] = list(struct.unpack("=HH", value))
        elif name == "ipproto":
            got[name] = value[0]
        elif (kind, value) not in FRA_USUAL:
            odd.append(kind)
    rule = {"action": action, "table": got.pop("table"), "pref": got.pop("pref", 0),
            "not": bool(flags & 2), "odd": odd}
    if src_len:
        rule["from"] = f"{got.pop('src')}/{src_len}"
    if dst_len:
        rule["to"] = f"{got.pop('dst')}/{dst_len}"
    if tos:
        rule["tos"] = tos
    if "fwmark" in got or "fwmask" in got:
        rule["fwmark"] = [got.pop("fwmark", 0), got.pop("fwmask", 0)]
    rule.update(got)
    return rule


def rules(sock, family):
    body = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0)
    return request(sock, RTM_GETRULE, 0x300, body)


def add(sock, family, words):
    """Adds with ip, tells what the kernel made of it, and takes it away again."""
    option = {socket.AF_INET: "-4", socket.AF_INET6: "-6"}[family]
    # In front, so that a last word that lacks its argument does not get ours.
    line = [IP, option, "rule", "add", "pref", str(PREF), "lookup", str(TABLE), *words]
    done = subprocess.run(line, capture_output=True, check=False)
    if done.returncode:
        return None
    made = [r for r in rules(sock, family) if r not in START[family]]
    assert len(made) == 1, line
    request(sock, RTM_DELRULE, 4, made[0])
    return decode(made[0], family)


START = {}


def worker():
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    for family in (socket.AF_INET, socket.AF_INET6):
        START[family] = rules(sock, family)
    for line in sys.stdin:
        words = line.split()
        found = {str(int(f)): add(sock, f, words) for f in (socket.AF_INET, socket.AF_INET6)}
        print(json.dumps(found), flush=True)


# The grammar.

class Grammar:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def address(self, family):
        pick = self.random
        if family == 4:
            return pick.choice(["10", "10.8", "192.0.2.1", "198.51.100.0", "0x0a.1", "010.1.2.3",
                                "203.0.113.255", "127.0.0.1", "0", "0.0.0.0",
                                ".".join(str(pick.randrange(256)) for _ in range(4))])
        return pick.choice(["::1", "::", "2001:db8::", "2001:db8:0:1::7", "fe80::1",
                            "::ffff:192.0.2.1", "2001:DB8::A",
                            ":".join(f"{pick.randrange(65536):x}" for _ in range(8))])

    def prefix(self, family):
        pick = self.random
        shape = pick.randrange(8)
        if shape == 0:
            return pick.choice(["all", "any", "default"])
        if shape <= 2:
            return self.address(family)
        if shape == 3:
            return f"{self.address(family)}/" + pick.choice(
                ["255.255.255.0", "255.0.0.0", "255.255.255.255", "0.0.0.0", "0x18", "010", "0",
                 "+8"])
        return f"{self.address(family)}/{pick.randint(0, 32 if family == 4 else 128)}"

    def ports(self):
        pick = self.random
        first = pick.choice([1, 22, 25, 80, 443, 1024, 65534, pick.randint(1, 65534)])
        if pick.random() < 0.5:
            return str(first)
        return f"{first}-{pick.choice([first, 65534, pick.randint(first, 65534)])}"

    def value(self, keyword, family):
        pick = self.random
        if keyword in ("from", "to"):
            return self.prefix(family)
        if keyword in ("iif", "dev", "oif"):
            return pick.choice(["lo", "eth0", "ppp0", "isp1", "br-lan.10", "a", "abcdefghijklmno",
                                "wg%d", "..", "from", "eth0:1"])
        if keyword == "fwmark":
            mark = pick.choice(["0", "1", "0x10", "010", "255", "0xffffffff", "4294967295", "+7",
                                hex(pick.getrandbits(32))])
            mask = pick.choice(["0", "0xff", "255", "0xffffffff", "07", hex(pick.getrandbits(32))])
            return mark if pick.random() < 0.4 else f"{mark}/{mask}"
        if keyword == "uidrange":
            first = pick.choice([0, 1, 33, 1000, pick.randrange(1 << 32)])
            return f"{first}-{pick.choice([first, 4294967294, pick.randrange(1 << 32)])}"
        if keyword == "ipproto":
            return pick.choice(["tcp", "udp", "icmp", "esp", "gre", "TCP", "ipv6-icmp", "sctp", "6",
                                "017", "0", "255", "mptcp", str(pick.randrange(256))])
        if keyword in ("sport", "dport"):
            return pick.choice(["", "", "", "+"]) + self.ports()
        if keyword in ("tos", "dsfield"):
            return pick.choice(["0", "4", "8", "10", "0x10", "1c", "c", "0X8", "b8", "CS1", "AF11",
                                "EF", "default", "fc", "18", "14"])
        return pick.choice(["0", "1", "990", "1000", "0x400", "01000", "32765", "4294967295",
                            str(pick.randrange(1 << 32))])

    def spelling(self, keyword):
        pick = self.random
        if pick.random() < 0.6:
            return keyword
        if keyword in ("preference", "order", "dsfield"):
            return keyword[:pick.randint(1, len(keyword))]
        if keyword == "priority":
            return keyword[:pick.randint(3, len(keyword))]
        return keyword

    def words(self):
        """A selector as [keyword, value] pairs; most of them right."""
        pick = self.random
        family = pick.choice([4, 6])
        pairs = []
        for _ in range(pick.choice([1, 1, 2, 2, 3, 4, 5])):
            keyword = pick.choice(KEYWORDS)
            if keyword == "not":
                pairs.append(["not"])
            else:
                pairs.append([self.spelling(keyword), self.value(keyword, family)])
        return pairs

    def typo(self, word):
        pick = self.random
        at = pick.randrange(len(word))
        other = pick.choice("abcxyz0159/-.:,_+A")
        return pick.choice([word[:at] + word[at + 1:], word[:at] + other + word[at:],
                            word[:at] + other + word[at + 1:], word + other,
                            word[:at] + word[at:at + 2][::-1] + word[at + 2:]])

    def damaged(self):
        pick = self.random
        pairs = self.words()
        pair = pick.choice(pairs)
        kind = pick.randrange(8)
        if kind == 0:
            pair[0] = self.typo(pair[0])
        elif kind <= 2:
            pair[-1] = self.typo(pair[-1])
        elif kind == 3 and len(pair) == 2:
            pair.pop()
        elif kind == 4:
            pairs.append([pick.choice(["from", "to"]), self.address(4)])
            pairs.append([pick.choice(["from", "to"]), self.address(6)])
        elif kind == 5:
            pairs.append(list(pair))
            pairs[-1][-1] = self.typo(pairs[-1][-1])
        elif kind == 6:
            pairs.append([pick.choice(["From", "TO", "src", "dst", "mark", "uid", "proto", "port",
                                       "in", "out", "ifi", "fwm", "spor", "uidr", "ipp", "no", "de",
                                       "prio=5", "!", "and", "or="])])
        else:
            keyword, values = pick.choice(OUT_OF_RANGE)
            pairs.append([keyword, pick.choice(values)])
        pick.shuffle(pairs)
        return pairs

    @staticmethod
    def line(pairs):
        return " ".join(word for pair in pairs for word in pair if word)


OUT_OF_RANGE = [
    ("from", ["10.0.0.0/33", "256.1.1.1", "1.2.3.4.5", "10.0.0.0/255.0.255.0", "1.2.3.4/", "/8",
              "2001:db8::/129", "2001::db8::1", "fe80::1%eth0", "all/8", "ALL", "localhost", "10."]),
    ("to", ["10.0.0.0/-1", "1.2.3", "1..2", "300", "::1/", ":::", "12345::", "any/0", "example.org",
            "10/8/8", "0x100"]),
    ("iif", ["abcdefghijklmnop", "a/b"]), ("dev", ["abcdefghijklmnop"]),
    ("oif", ["/", "averylonginterfacename"]),
    ("fwmark", ["4294967296", "0x1ffffffff", "1/", "/1", "1/2/3", "x", "1/x", "0xg", "08", "1/-2",
                "1:2"]),
    ("uidrange", ["5-4", "0-4294967295", "4294967295-4294967295", "1000", "5", "-", "1000-",
                  "nobody-", "no-such-user"]),
    ("ipproto", ["256", "0x6", "-1", "tpc", "tcp,udp", "6.0"]),
    ("sport", ["0", "65535", "1-65535", "80-79", "http", "-", "any", "0-80"]),
    ("dport", ["0", "65535", "443-80", "https", "x80", "all", "65534-65535"]),
    ("tos", ["1", "2", "3", "0x1d", "100", "0x104", "CS9", "af11", "-4", "10/4", "ff"]),
    ("dsfield", ["7", "g", "0x", "EF2"]),
    ("pref", ["4294967296", "x", "1.5", "08", "-1", "0x", "1k"]),
    ("priority", ["high", "-5"]), ("order", ["99999999999999999999"]),
    ("preference", ["one", "1,2"]),
]

# Read alike by both, for reasons that a grammar does not come upon.
CORNERS = """
not
not not
from 10.0.0.1/8
to 2001:db8::1/32
from 10/0
from ::/0
from 10.0.0.1/all
pref -0
tos -0 from -0.1
from 2001:db8::/255.255.0.0
from 1.1.1.1 from all
from all to any
from 1.1.1.1 to ::1
from 1.1.1.1 from ::1
fwmark 5/0
fwmark 0
fwmark 0/0xff
fwmark 5/0xff fwmark 6
fwmark 5/0xff fwmark 0
tos 2 tos 4
tos b8 tos 4 from 10.1
tos b8 from 10.1
dport 0 dport 80
dport 007
uidrange 5-4 uidrange 010-011
iif iif
iif not not
dev eth0 iif eth1
pref 0
p 5 order 6 prio 7
ds 10
d 10
""".strip("\n").splitlines()

# Taken by ip as more or other than the owner wrote, or differently by its versions.
OVERLOOKED = """
dport 80x
dport 80,443
dport 80-
dport 80-90-100
dport 80:90
sport 65616
sport 010
sport 0x50
dport -65456
dport 80/0xfff0
uidrange 5-10x
uidrange 1000-1010,2000
uidrange -5-4294967294
uidrange 4294967296-4294967297
fwmark -18446744073709551615
""".strip("\n").splitlines()

# Words of ip-rule that are no part of a selector here.
OUTSIDE = """
table 7
lookup main
t 5
goto 2000
nop
type blackhole
blackhole
prohibit
unicast
7
l3mdev
suppress_prefixlength 0
sup_pl 0
sup 0
suppress_ifgroup 1
realms 1/2
r 5
protocol static
pro 77
tun_id 5
nat 192.0.2.1
dscp 8
dscp CS1
flowlabel 5
sport 80/0xfff0
""".strip("\n").splitlines()


def is_outside(word):
    """Does ip take this for a keyword of OUTSIDE? (A number is a route type, as is its name.)"""
    whole = ["lookup", "sup_pl", "sup_group", "l3mdev", "nat", "type", "local", "brd", "throw",
             "dscp", "flowlabel"]
    shortened = ["realms", "protocol", "tun_id", "table", "suppress_prefixlength",
                 "suppress_ifgroup", "map-to", "goto", "nop", "broadcast", "anycast", "multicast",
                 "prohibit", "unreachable", "blackhole", "xresolve", "unicast"]
    return (word in whole or any(full.startswith(word) for full in shortened)
            or re.fullmatch(r"[+-]?(\d+|0[xX][0-9a-fA-F]+)", word) is not None)


def is_overlooked(line):
    """Is a number in it that ip reads only in part, or one that its versions read differently?"""
    words = line.split()
    for keyword, value in zip(words, words[1:]):
        if keyword in ("sport", "dport"):
            begun, whole, most = r"[+-]?\d", r"\+?(0|[1-9]\d*)(-\+?(0|[1-9]\d*))?", 0xffff
        elif keyword == "uidrange":
            begun, whole, most = r"[+-]?\d+-[+-]?\d", r"\+?\d+-\+?\d+", 0xffffffff
        else:
            continue
        if re.match(begun, value) and (not re.fullmatch(whole, value)
                                       or any(int(n) > most for n in value.split("-"))):
            return True
    return False


# The comparison.

def ask_library(lines):
    done = subprocess.run([TOOL], input="".join(f"{l}\n" for l in lines), text=True,
                          capture_output=True, check=True)
    answers = [json.loads(l) for l in done.stdout.splitlines()]
    assert len(answers) == len(lines), done.stderr
    return answers


def ask_ip(lines):
    flags = "-n" if os.geteuid() == 0 else "-rn"
    done = subprocess.run(["unshare", flags, sys.executable, os.path.abspath(__file__), "worker"],
                          input="".join(f"{l}\n" for l in lines), text=True, capture_output=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(l) for l in done.stdout.splitlines()]
    assert len(answers) == len(lines), done.stderr
    return answers


def need_namespace():
    import pytest
    flags = "-n" if os.geteuid() == 0 else "-rn"
    if not shutil.which(IP) or subprocess.run(["unshare", flags, "true"], check=False,
                                              capture_output=True).returncode:
        pytest.skip("no private network namespace, or no ip, to be had")


def expected(found):
    """ip's answers in the two families, as the helper program would give them."""
    families = [int(f) for f, rule in found.items() if rule]
    if not families:
        return None
    rule = found[str(families[0])]
    if any(rule != found[str(other)] for other in families[1:]):
        return found
    return {**rule, "family": families[0] if len(families) == 1 else 0}


def in_full(ours):
    """What the helper program prints, with what every rule has that ip was asked to add."""
    if "errno" in ours:
        return None
    rule = {**ours, "action": 1, "table": TABLE, "odd": []}
    if rule["pref"] < 0:
        rule["pref"] = PREF
    return rule


def differences(lines):
    """Lines that the two read differently; those both accept; those both refuse."""
    wrong, accepted, refused = [], [], []
    for line, found, ours in zip(lines, ask_ip(lines), ask_library(lines)):
        theirs = expected(found)
        if theirs == in_full(ours):
            (accepted if theirs else refused).append(line)
        elif "errno" not in ours or not is_outside(line[ours["offset"]:].split()[0]):
            wrong.append((line, theirs, ours))
    return wrong, accepted, refused


def generate(make, count, seen):
    lines = []
    while len(lines) < count:
        line = make()
        if line in seen or is_overlooked(line):
            continue
        if os.geteuid() != 0 and "uidrange" in line:
            continue
        seen.add(line)
        lines.append(line)
    return lines


def spread(lines):
    return {k: sum(k in line.split() for line in lines) for k in KEYWORDS
            if os.geteuid() == 0 or k != "uidrange"}


def test_same_verdict_and_same_rule():
    # Whatever selector ip and the kernel take, the library reads as the same rule, and whatever
    # they refuse it refuses; with every keyword many times on both sides.
    need_namespace()
    grammar = Grammar(SEED)
    lines = [l for l in CORNERS if os.geteuid() == 0 or "uidrange" not in l]
    seen = set(lines)
    lines += generate(lambda: grammar.line(grammar.words()), 450, seen)
    lines += generate(lambda: grammar.line(grammar.damaged()), 650, seen)
    wrong, accepted, refused = differences(lines)
    print(f"accepted {len(accepted)}, refused {len(refused)}")
    print("accepted", spread(accepted))
    print("refused", spread(refused))
    assert not wrong, "\n".join(map(str, wrong))
    assert len(accepted) >= WANTED and len(refused) >= WANTED
    assert min(spread(accepted).values()) >= 10
    assert min(spread(refused).values()) >= 10


def test_every_word_that_lacks_its_argument():
    # A keyword at the end with nothing behind it is refused by both, also where ip's own words
    # would have served as the argument, and the message names the keyword.
    need_namespace()
    lines = [f"from 10.1 {k}" for k in KEYWORDS if k != "not"]
    wrong, accepted, _ = differences(lines)
    assert not wrong and not accepted
    for line, ours in zip(lines, ask_library(lines)):
        assert ours["offset"] == len("from 10.1 ")
        assert f'"{line.split()[-1]}" wants' in ours["message"]


def test_every_abbreviation():
    # Each beginning of each keyword, alone, is the keyword to both or to neither.
    need_namespace()
    values = {"iif": "lo", "dev": "lo", "oif": "lo", "from": "10.1", "to": "10.1", "ipproto": "6",
              "uidrange": "0-0"}
    lines = sorted({f"{k[:n]} {values.get(k, '4')}" for k in KEYWORDS if k != "not"
                    for n in range(1, len(k) + 1)})
    wrong, accepted, refused = differences(lines)
    assert not wrong, "\n".join(map(str, wrong))
    assert len(accepted) > 30 and len(refused) > 20


def test_what_ip_overlooks_is_refused():
    # Where ip takes part of a word, or its versions differ, the library takes nothing: half a
    # selector sends the wrong traffic.
    for line, ours in zip(OVERLOOKED, ask_library(OVERLOOKED)):
        assert ours.get("errno") == 22, line
        assert ours["offset"] == line.index(" ") + 1
        assert "accepted" in ours["message"]


def test_actions_are_refused():
    # Words of ip-rule that say what is done with a packet, or ask what the library does not, are
    # refused by name and with the reason.
    for line, ours in zip(OUTSIDE, ask_library(OUTSIDE)):
        assert ours.get("errno") == 22, line
        assert f'"{line.split()[ours["offset"] > 0]}"' in ours["message"]


def test_a_users_name_is_a_uid_range():
    # Beyond ip: the name of a user, and no other word, stands for its uid.
    root, nobody, none = ask_library(["uidrange root", "uidrange nobody", "uidrange no-such-user"])
    assert root["uidrange"] == [0, 0]
    assert nobody["uidrange"] == [65534, 65534]
    assert none["errno"] == 22


if __name__ == "__main__" and sys.argv[1:] == ["worker"]:
    worker()
