#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forged probes of the kernel path (docs/kernel.md), written from the description alone.

  forge.py send IF MAC KEY_FILE CLUSTER PORT SELF PEER STRANGER_IP COUNT

At the switch port IF of node number SELF, whose interface has MAC: records genuine probes of node number PEER to it and
of it to PEER, says "recorded", and at a line of input sends COUNT of each kind of bad probe, and as many more as fit into
a second as a flood. Prints a JSON object: how many were sent, by the counter that is to count them.

  forge.py count IF

Counts probes and answers that pass the switch port IF until its input ends, as a JSON object: "from to type" -> number.
"""
import hashlib
import hmac
import json
import socket
import struct
import sys
import threading
import time

MASK = (1 << 64) - 1
MAGIC = 0x48466b70
PROBE, ANSWER = 1, 2
FORM = '>IBBBBQIBBH10Q'  # bytes 0 to 103
NAMES = ('magic', 'version', 'type', 'from', 'to', 'cluster', 'key', 'link', 'flags', 'zero', 'incarnation', 'stamp',
         'lease_epoch', 'accepted', 'to_incarnation', 'token', 'lease_us', 'to_lease_epoch', 'progress', 'age_us')


def siphash128(key, data):
    """SipHash-2-4 with 16 bytes of output."""
    def rotate(x, n):
        return (x << n | x >> (64 - n)) & MASK

    def rounds(n):
        nonlocal a, b, c, d
        for _ in range(n):
            a = (a + b) & MASK
            b = rotate(b, 13) ^ a
            a = rotate(a, 32)
            c = (c + d) & MASK
            d = rotate(d, 16) ^ c
            a = (a + d) & MASK
            d = rotate(d, 21) ^ a
            c = (c + b) & MASK
            b = rotate(b, 17) ^ c
            c = rotate(c, 32)
    k0, k1 = struct.unpack('<QQ', key)
    a, b, c, d = (k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573)
    tail = len(data) % 8
    words = [*struct.unpack(f'<{len(data) // 8}Q', data[:len(data) - tail]),
             int.from_bytes(data[len(data) - tail:], 'little') | (len(data) & 255) << 56]
    for word in words:
        d ^= word
        rounds(2)
        a ^= word
    c ^= 0xee
    rounds(4)
    first = a ^ b ^ c ^ d
    b ^= 0xdd
    rounds(4)
    return struct.pack('<QQ', first, a ^ b ^ c ^ d)


def derive(cluster_key):
    return hmac.new(cluster_key, b'holdfast kernel path 1', hashlib.sha256).digest()[:16]


def cluster_id(name):
    h = 0xcbf29ce484222325
    for byte in name.encode():
        h = ((h ^ byte) * 0x100000001b3) & MASK
    return h


def decode(data):
    return dict(zip(NAMES, struct.unpack(FORM, data[:104])))


def encode(fields, key):
    body = struct.pack(FORM, *(fields[n] for n in NAMES))
    return body + siphash128(key, body)


def checksum(data):
    total = sum(struct.unpack(f'>{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Door:
    """The switch port of a node: sees what the node sends and gets, and can send it frames."""

    def __init__(self, interface, mac, port):
        self.port = port
        self.mac = bytes.fromhex(mac.replace(':', ''))
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
        self.sock.bind((interface, 0))

    def hear(self, seconds):
        """Probes and answers as (to the node?, source address, destination, payload), for that time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                frame, address = self.sock.recvfrom(2048)
            except TimeoutError:
                return
            if frame[12:14] == b'\x08\x00' and frame[23] == 17 and frame[42:46] == MAGIC.to_bytes(4, 'big'):
                yield address[2] == 4, frame[26:30], frame[30:34], frame[42:]  # 4: PACKET_OUTGOING, to the node

    def frame(self, source, destination, payload, port=None):
        ports = struct.pack('>HHHH', port or self.port, self.port, 8 + len(payload), 0)
        head = struct.pack('>BBHHHBBH', 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0) + source + destination
        head = head[:10] + checksum(head).to_bytes(2, 'big') + head[12:]
        return self.mac + b'\x02\x00\x00\x00\x00\x99' + b'\x08\x00' + head + ports + payload


def bad_probes(seen, key, self_, peer, stranger):
    """(counter, source address or None for the peer's, payload), made of a genuine probe and a genuine answer."""
    genuine, own, answer = decode(seen['probe']), seen['own'], seen['answer']

    def changed(**fields):
        return encode(dict(genuine, **fields), key)
    future = genuine['stamp'] + 60_000_000
    return [
        ('mac', None, seen['probe'][:-1] + bytes([seen['probe'][-1] ^ 1])),
        ('mac', None, encode(dict(genuine, stamp=future), bytes(16))),
        ('key', None, changed(key=genuine['key'] ^ 1, stamp=future)),
        ('version', None, changed(version=2, stamp=future)),
        ('cluster', None, changed(cluster=genuine['cluster'] ^ 1, stamp=future)),
        ('size', None, seen['probe'][:-1]),
        ('size', None, seen['probe'] + b'\0'),
        ('size', None, seen['probe'] + bytes(1000)),
        ('size', None, seen['probe'][:60]),
        ('sender', stranger, changed(stamp=future)),               # a third party would get the answer
        ('sender', None, changed(**{'from': self_}, stamp=future)),  # of itself
        ('sender', None, changed(**{'from': 31}, stamp=future)),
        ('sender', None, changed(to=peer, stamp=future)),
        ('sender', None, changed(link=7, stamp=future)),
        ('sender', None, own),                                     # reflected: what it sent itself
        ('format', None, changed(type=3, stamp=future)),
        ('format', None, changed(zero=1, stamp=future)),
        ('replay', None, seen['probe']),
        ('replay', None, changed(stamp=genuine['stamp'] - 1)),
        ('format', None, changed(incarnation=0, stamp=future)),
        (None, None, answer),                                      # replayed: user space is to drop it
    ]


def count(interface):
    passed, done = {}, []
    threading.Thread(target=lambda: done.append(sys.stdin.read()), daemon=True).start()
    door = Door(interface, '', 0)
    print('listening', flush=True)
    while not done:
        for _, source, destination, payload in door.hear(0.1):
            kind = f'{socket.inet_ntoa(source)} {socket.inet_ntoa(destination)} {payload[5]}'
            passed[kind] = passed.get(kind, 0) + 1
    print(json.dumps(passed))


def send(interface, mac, key_file, cluster, port, self_, peer, stranger, times):
    self_, peer = int(self_), int(peer)
    address = {n: bytes((10, 90, 0, n + 1)) for n in (self_, peer)}
    with open(key_file, encoding='ascii') as f:
        key = derive(bytes.fromhex(next(w for w in f.read().split() if len(w) == 64)))
    door = Door(interface, mac, int(port))
    seen = {}
    for inward, source, destination, payload in door.hear(20):
        d = decode(payload)
        if d['cluster'] != cluster_id(cluster) or siphash128(key, payload[:104]) != payload[104:]:
            sys.exit(f'not what docs/kernel.md says: {payload.hex()}')
        if inward and source == address[peer] and d['to'] == self_:
            seen['probe' if d['type'] == PROBE else 'answer'] = payload
        elif not inward and destination == address[peer] and d['type'] == PROBE:
            seen['own'] = payload
        if len(seen) == 3:
            break
    print('recorded', flush=True)
    sys.stdin.readline()
    sent = {}
    frames = [(why, door.frame(source and socket.inet_aton(source) or address[peer], address[self_], payload))
              for why, source, payload in bad_probes(seen, key, self_, peer, stranger)]
    for _ in range(int(times)):
        for why, frame in frames:
            door.sock.send(frame)
            sent[why or 'answers'] = sent.get(why or 'answers', 0) + 1
    end, flood = time.monotonic() + 1, 0
    spoofed = [f for why, f in frames if why in ('mac', 'sender', 'replay', 'size')]
    while time.monotonic() < end:
        for frame in spoofed:
            door.sock.send(frame)
        flood += len(spoofed)
    print(json.dumps({'sent': sent, 'flood': flood}), flush=True)


if __name__ == '__main__':
    {'send': send, 'count': count}[sys.argv[1]](*sys.argv[2:])
