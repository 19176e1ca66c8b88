#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The other end of a PPP link, on standard input and output, that does what a test tells it.

A real pppd is too well behaved for some tests: this peer negotiates what it is told, takes IPCP
down while IPv6CP stays, renegotiates at will, assigns hostile addresses, and never carries a
packet. Framing: RFC 1662; LCP: RFC 1661; IPCP: RFC 1332; IPv6CP: RFC 5072.

  ppppeer.py CONTROL LOCAL REMOTE     CONTROL: a FIFO; commands, a line each:
    ipcp-term          ends IPCP by a Terminate-Request
    ipcp-renew [A]     negotiates IPCP again, the other end's address now being A
    ipcp-storm N S     negotiates IPCP again N times a second for S seconds
    ipv6cp-storm N S   likewise IPv6CP
    ipv6cp-term        ends IPv6CP by a Terminate-Request
    ipv6cp-renew       negotiates IPv6CP again
    lcp-renew          negotiates LCP again
    lcp-term           ends the link by a Terminate-Request
"""

import os
import select
import socket
import sys
import time

LCP, IPCP, IPV6CP = 0xc021, 0x8021, 0x8057
REQ, ACK, NAK, REJ, TERM, TERM_ACK, CODE_REJ, PROTO_REJ, ECHO, ECHO_REPLY = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10


def fcs(data):
    crc = 0xffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc ^ 0xffff


def frame(protocol, packet):
    data = b'\xff\x03' + protocol.to_bytes(2, 'big') + packet
    data += fcs(data).to_bytes(2, 'little')
    out = bytearray(b'\x7e')
    for byte in data:
        if byte < 0x20 or byte in (0x7d, 0x7e):
            out += bytes((0x7d, byte ^ 0x20))
        else:
            out.append(byte)
    return bytes(out + b'\x7e')


def frames(buffer):
    """Whole frames in a buffer, and what is left of it."""
    *whole, rest = bytes(buffer).split(b'\x7e')
    packets = []
    for raw in whole:
        data, escaped = bytearray(), False
        for byte in raw:
            if escaped:
                data.append(byte ^ 0x20)
                escaped = False
            elif byte == 0x7d:
                escaped = True
            else:
                data.append(byte)
        if len(data) < 4 or fcs(data[:-2]) != int.from_bytes(data[-2:], 'little'):
            continue
        data = data[:-2]
        if data[:2] == b'\xff\x03':
            data = data[2:]
        if data[0] & 1:  # protocol field compression
            packets.append((data[0], bytes(data[1:])))
        else:
            packets.append((int.from_bytes(data[:2], 'big'), bytes(data[2:])))
    return packets, bytearray(rest)


def options(data):
    while len(data) >= 2 and data[1] >= 2:
        yield data[0], data[2:data[1]]
        data = data[data[1]:]


class Peer:
    def __init__(self, control, local, remote):
        self.control = os.open(control, os.O_RDWR)
        self.local, self.remote = (socket.inet_aton(a) for a in (local, remote))
        self.ident = 0
        self.storm = None

    def send(self, protocol, code, data=b'', ident=None):
        if ident is None:
            self.ident = ident = self.ident % 255 + 1
        packet = bytes((code, ident)) + (len(data) + 4).to_bytes(2, 'big') + data
        os.write(1, frame(protocol, packet))

    def request(self, protocol):
        self.send(protocol, REQ, {
            LCP: b'\x05\x06' + os.urandom(4),
            IPCP: b'\x03\x06' + self.local,
            IPV6CP: b'\x01\x0a' + b'\x02\0\0\xff\xfe\0\0\x01',
        }[protocol])

    def answer_request(self, protocol, ident, data):
        wanted = dict(options(data))
        if protocol == IPCP:
            rejected = {k: v for k, v in wanted.items() if k != 3}
            if rejected:
                reply = b''.join(bytes((k, len(v) + 2)) + v for k, v in rejected.items())
                self.send(protocol, REJ, reply, ident)
                return
            if wanted.get(3) != self.remote:
                self.send(protocol, NAK, b'\x03\x06' + self.remote, ident)
                return
        self.send(protocol, ACK, data, ident)

    def packet(self, protocol, packet):
        if protocol not in (LCP, IPCP, IPV6CP):
            if protocol & 0x8000:
                self.send(LCP, PROTO_REJ, protocol.to_bytes(2, 'big') + packet)
            return
        code, ident, length = packet[0], packet[1], int.from_bytes(packet[2:4], 'big')
        data = packet[4:length]
        if code == REQ:
            self.answer_request(protocol, ident, data)
            if protocol not in self.begun:
                self.begun.add(protocol)
                self.request(protocol)
        elif code in (NAK, REJ) and protocol == LCP:
            self.send(LCP, REQ)
        elif code == TERM:
            self.send(protocol, TERM_ACK, b'', ident)
            self.begun.discard(protocol)
        elif code == ECHO:
            self.send(LCP, ECHO_REPLY, b'\0\0\0\0', ident)

    def command(self, words):
        if words[0] == 'ipcp-term':
            self.send(IPCP, TERM)
        elif words[0] == 'ipcp-renew':
            if len(words) > 1:
                self.remote = socket.inet_aton(words[1])
            self.request(IPCP)
        elif words[0] in ('ipcp-storm', 'ipv6cp-storm'):
            now = time.monotonic()
            protocol = IPCP if words[0] == 'ipcp-storm' else IPV6CP
            self.storm = protocol, 1 / float(words[1]), now, now + float(words[2])
        elif words[0] == 'ipv6cp-term':
            self.send(IPV6CP, TERM)
        elif words[0] == 'ipv6cp-renew':
            self.request(IPV6CP)
        elif words[0] == 'lcp-renew':
            self.begun = {LCP}
            self.request(LCP)
        elif words[0] == 'lcp-term':
            self.send(LCP, TERM)

    def blow(self):
        """What is due of a storm. Returns the seconds until there is more of it, None: it is over."""
        if not self.storm:
            return None
        protocol, pause, due, end = self.storm
        now = time.monotonic()
        if due >= end:
            self.storm = None
            return None
        if due <= now:
            self.request(protocol)
            due += pause
            self.storm = protocol, pause, due, end
        return max(0, due - now)

    def run(self):
        buffer = bytearray()
        self.begun = {LCP}
        self.request(LCP)
        while True:
            for fd in select.select([0, self.control], [], [], self.blow())[0]:
                data = os.read(fd, 65536)
                if not data:
                    return
                if fd == self.control:
                    for line in data.decode().splitlines():
                        self.command(line.split())
                    continue
                packets, buffer = frames(buffer + data)
                for protocol, packet in packets:
                    self.packet(protocol, packet)


if __name__ == '__main__':
    try:
        Peer(*sys.argv[1:]).run()
    except (BrokenPipeError, OSError):
        pass
