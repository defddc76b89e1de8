# SPDX-License-Identifier: GPL-3.0-or-later
"""Real peers on loopback for the fence agents: OpenIPMI's ipmi_sim, a UDP proxy that spoils its
answers, a socket that says nothing, a Modbus server (fence_pdu), and a pair of pseudo-terminals."""
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LAN = '''name "bmc"
set_working_mc 0x20
startlan 1
  addr {address} {port}
  priv_limit admin
  allowed_auths_callback none md2 md5 straight
  allowed_auths_user none md2 md5 straight
  allowed_auths_operator none md2 md5 straight
  allowed_auths_admin none md2 md5 straight
  guid a123456789abcdefa123456789000001
{more}endlan
chassis_control "{here}/bmc-power {dir}"
user 1 true "" "" user 10 none md2 md5 straight
user 2 true "admin" "secret" admin 10 none md2 md5 straight
user 4 true "keeper" "hF9-zQ-pass" admin 10 none md2 md5 straight
user 3 true "watcher" "looking" user 10 none md2 md5 straight
'''
EMU = '''mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
'''


def free_port(kind=socket.SOCK_DGRAM, family=socket.AF_INET):
    with socket.socket(family, kind) as s:
        s.bind(('::1' if family == socket.AF_INET6 else '127.0.0.1', 0))
        return s.getsockname()[1]


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


class Bmc:
    """ipmi_sim; its machine is tests/fence/bmc-power."""

    def __init__(self, address='127.0.0.1', more=''):
        self.dir = tempfile.mkdtemp(prefix='holdfast-bmc-')
        family = socket.AF_INET6 if ':' in address else socket.AF_INET
        self.address, self.port = address, free_port(family=family)
        write(self.dir + '/lan.conf', LAN.format(address=address, port=self.port, more=more,
                                                 here=HERE, dir=self.dir))
        write(self.dir + '/bmc.emu', EMU)
        self.reset()
        self.log = open(self.dir + '/log', 'w', encoding='utf-8')
        self.process = subprocess.Popen(
            ['ipmi_sim', '-n', '-c', self.dir + '/lan.conf', '-f', self.dir + '/bmc.emu', '-s', self.dir],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        if not wait_for(self.answers):
            with open(self.dir + '/log', encoding='utf-8') as f:
                said = f.read()
            self.stop()
            raise RuntimeError('ipmi_sim does not answer: ' + said)

    def answers(self):
        """RMCP presence ping."""
        family = socket.AF_INET6 if ':' in self.address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.settimeout(0.2)
            try:
                s.sendto(bytes.fromhex('0600ff06000011be8000000000'[:24]), (self.address, self.port))
                return bool(s.recv(100))
            except OSError:
                return False

    def reset(self, behaviour='honest', power='1'):
        for name in ('orders', 'readings', 'flips'):
            if os.path.exists(f'{self.dir}/{name}'):
                os.remove(f'{self.dir}/{name}')
        write(self.dir + '/power', power + '\n')
        write(self.dir + '/behaviour', behaviour + '\n')

    def lines(self, name):
        try:
            with open(f'{self.dir}/{name}', encoding='utf-8') as f:
                return f.read().split('\n')[:-1]
        except FileNotFoundError:
            return []

    def power(self):
        return self.lines('power')[0]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.dir)


class Udp(threading.Thread):
    """A UDP port. `spoil(datagram, n)` gets the nth answer of `server` and returns a list of
    (seconds to wait, datagram) to pass on. Without a server: it says nothing."""

    def __init__(self, server=None, spoil=None):
        super().__init__(daemon=True)
        self.server, self.spoil = server, spoil
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(('127.0.0.1', 0))
        self.port = self.front.getsockname()[1]
        self.heard, self.answered, self.ended = 0, 0, False
        self.start()

    def run(self):
        backs = {}
        while not self.ended:
            ready, _, _ = select.select([self.front] + [b for b in backs], [], [], 0.1)
            for s in ready:
                if s is self.front:
                    data, peer = s.recvfrom(4096)
                    self.heard += 1
                    if self.server is None:
                        continue
                    back = next((b for b, p in backs.items() if p == peer), None)
                    if back is None:
                        back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                        back.connect(('127.0.0.1', self.server))
                        backs[back] = peer
                    back.send(data)
                else:
                    try:
                        data = s.recv(4096)
                    except OSError:
                        continue
                    self.answered += 1
                    for wait, out in self.spoil(data, self.answered):
                        threading.Timer(wait, self.back_to, (out, backs[s])).start()
        for b in backs:
            b.close()
        self.front.close()

    def back_to(self, data, peer):
        try:
            self.front.sendto(data, peer)
        except OSError:
            pass  # the test is over

    def stop(self):
        self.ended = True
        self.join()


def noise(seed):
    """A spoiler: random bytes, or the answer with some of its bytes changed."""
    rng = random.Random(seed)

    def spoil(data, _n):
        if rng.random() < 0.5:
            return [(0, rng.randbytes(rng.randrange(1, 200)))]
        out = bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            out[rng.randrange(len(out))] = rng.randrange(256)
        return [(0, bytes(out))]
    return spoil


class Tcp(threading.Thread):
    """A TCP port that answers each request with what `answer(request)` makes of it."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self.answer, self.heard, self.ended = answer, 0, False
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.listener.settimeout(0.1)
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while not self.ended:
            try:
                client, _ = self.listener.accept()
            except OSError:
                continue
            client.settimeout(2)
            with client:
                try:
                    while data := client.recv(1000):
                        self.heard += 1
                        client.sendall(self.answer(data))
                except OSError:
                    pass
        self.listener.close()

    def stop(self):
        self.ended = True
        self.join()


def modbus_noise(seed):
    """Answers to a Modbus request that are none: random bytes, cut, of another request, longer than said."""
    rng = random.Random(seed)

    def answer(request):
        off = request[:4] + bytes((0, 4, request[6], request[7], 1, 0))
        return rng.choice((rng.randbytes(rng.randrange(1, 60)), off[:rng.randrange(1, 9)],
                           bytes((request[0] ^ 0x40,)) + off[1:], off[:7] + bytes((request[7] ^ 2,)) + off[8:],
                           off[:8] + b'\x05' + off[9:]))
    return answer


class Pdu:
    """fence_pdu: a Modbus server on libmodbus with eight outlets."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([program] + [str(a) for a in arguments],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        first = self.process.stdout.readline().split()
        if first[:1] != ['ready']:
            raise RuntimeError('fence_pdu did not start')
        self.port = int(first[1])

    def say(self, line):
        """A command; the answer."""
        self.process.stdin.write(line + '\n')
        return self.process.stdout.readline().strip()

    def stop(self):
        self.process.kill()
        self.process.wait()


class Line:
    """Two pseudo-terminals joined by socat: a serial line."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='holdfast-line-')
        self.ends = [self.dir + '/a', self.dir + '/b']
        self.process = subprocess.Popen(['socat'] + [f'pty,raw,echo=0,link={e}' for e in self.ends])
        if not wait_for(lambda: all(os.path.exists(e) for e in self.ends)):
            raise RuntimeError('socat made no terminals')

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        shutil.rmtree(self.dir)
