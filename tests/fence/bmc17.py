# SPDX-License-Identifier: GPL-3.0-or-later
"""A BMC that knows cipher suite 17 alone (RAKP-HMAC-SHA256, HMAC-SHA256-128, AES-CBC-128): ipmi_sim has no SHA-256.
By the IPMI 2.0 specification, section 13; just the commands that our agent and ipmitool give."""
import hashlib
import hmac
import os
import socket
import struct
import threading

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

GUID = bytes(range(16))
SID = 0x48463137
SUITE = bytes((0, 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 8, 4, 0, 0, 0, 2, 0, 0, 8, 1, 0, 0, 0))
OPEN, RAKP1, RAKP3 = 0x10, 0x12, 0x14


def mac(key, *parts):
    return hmac.new(key, b''.join(parts), hashlib.sha256).digest()


def checksum(data):
    return bytes((-sum(data) & 0xff,))


class Bmc17(threading.Thread):
    def __init__(self, user=b'admin', password=b'secret'):
        super().__init__(daemon=True)
        self.user, self.key = user, password
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(('127.0.0.1', 0))
        self.sock.settimeout(0.1)
        self.port = self.sock.getsockname()[1]
        self.power, self.orders, self.sealed, self.ended = 1, [], 0, False
        self.console = self.client_random = self.random = self.role = self.k1 = self.k2 = b''
        self.sequence = 0
        self.start()

    def run(self):
        while not self.ended:
            try:
                data, peer = self.sock.recvfrom(2000)
            except OSError:
                continue
            for answer in self.hear(data):
                self.sock.sendto(bytes.fromhex('0600ff07') + answer, peer)
        self.sock.close()

    def stop(self):
        self.ended = True
        self.join()

    def hear(self, data):
        if data[4] == 0:  # IPMI 1.5, without a session: what can you do?
            out = self.command(data[14:])
            return [bytes(9) + bytes((len(out),)) + out]
        kind, size = data[5], struct.unpack('<H', data[14:16])[0]
        payload = data[16:16 + size]
        if kind in (OPEN, RAKP1, RAKP3):
            out = {OPEN: self.open, RAKP1: self.rakp1, RAKP3: self.rakp3}[kind](payload)
            return [bytes((6, kind + 1)) + bytes(8) + struct.pack('<H', len(out)) + out]
        if kind == 0xc0 and hmac.compare_digest(mac(self.k1, data[4:-16])[:16], data[-16:]):
            self.sealed += 1
            aes = Cipher(algorithms.AES(self.k2[:16]), modes.CBC(payload[:16])).decryptor()
            clear = aes.update(payload[16:]) + aes.finalize()
            return [self.seal(self.command(clear[:-1 - clear[-1]]))]
        return []

    def open(self, p):
        self.console = p[4:8]
        if p[8:] != SUITE:
            return bytes((p[0], 0x11, 0, 0)) + self.console  # no cipher suite match
        return bytes((p[0], 0, p[1] or 4, 0)) + self.console + struct.pack('<I', SID) + SUITE

    def rakp1(self, p):
        self.client_random, self.random, self.role = p[8:24], os.urandom(16), p[24:25] + p[27:28] + p[28:]
        if p[28:] != self.user:
            return bytes((p[0], 0x0d, 0, 0)) + self.console  # unauthorized name
        code = mac(self.key, self.console, struct.pack('<I', SID), self.client_random, self.random, GUID, self.role)
        return bytes((p[0], 0, 0, 0)) + self.console + self.random + GUID + code

    def rakp3(self, p):
        if not hmac.compare_digest(p[8:], mac(self.key, self.random, self.console, self.role)):
            return bytes((p[0], 0x0f, 0, 0)) + self.console  # invalid integrity check value
        sik = mac(self.key, self.client_random, self.random, self.role)
        self.k1, self.k2, self.sequence = mac(sik, b'\x01' * 20), mac(sik, b'\x02' * 20), 0
        return bytes((p[0], 0, 0, 0)) + self.console + mac(sik, self.client_random, struct.pack('<I', SID), GUID)[:16]

    def seal(self, clear):
        pad = -(len(clear) + 1) % 16
        vector = os.urandom(16)
        aes = Cipher(algorithms.AES(self.k2[:16]), modes.CBC(vector)).encryptor()
        payload = vector + aes.update(clear + bytes(range(1, pad + 1)) + bytes((pad,))) + aes.finalize()
        self.sequence += 1
        out = bytes((6, 0xc0)) + self.console + struct.pack('<IH', self.sequence, len(payload)) + payload
        pad = -(len(out) + 2) % 4
        out += b'\xff' * pad + bytes((pad, 7))
        return out + mac(self.k1, out)[:16]

    def command(self, m):
        function, number = m[1] >> 2, m[5]
        if (function, number) == (6, 0x38):
            said = bytes((0, 1, 0x80, 4, 2, 0, 0, 0, 0))
        elif (function, number) == (6, 0x3b):
            said = bytes((0, m[6]))
        elif (function, number) == (0, 1):
            said = bytes((0, self.power, 0, 0))
        elif (function, number) == (0, 2):
            self.orders.append(m[6])
            self.power = {0: 0, 1: 1}.get(m[6], self.power)
            said = b'\0'
        else:
            said = b'\0' if (function, number) == (6, 0x3c) else b'\xc1'
        head, rest = bytes((m[3], (function | 1) << 2)), bytes((m[0], m[4], number)) + said
        return head + checksum(head) + rest + checksum(rest)
