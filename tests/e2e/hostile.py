# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input and bad luck: each scenario attacks or starves real agents, and asserts that nothing changes."""
import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import time

from lib import BIN, BUILD, Cluster, Failure, TOP, VIP, sh
from scenarios import check, failover, never_two, other, state_of

FLOOD_SECONDS = 5
KINDS = ['junk', 'truncated', 'oversized', 'replayed', 'reflected', 'flipped', 'version', 'key', 'stranger', 'length']


# ---- what they share ----

class Varlink:
    """A client of the local socket without the cost of a process for each call."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(path)
        self.left = b''

    def send(self, method, more=False, **parameters):
        message = {'method': method, 'parameters': parameters}
        if more:
            message['more'] = True
        self.sock.sendall(json.dumps(message).encode() + b'\0')

    def receive(self):
        while b'\0' not in self.left:
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionError('the agent closed the connection')
            self.left += data
        message, _, self.left = self.left.partition(b'\0')
        return json.loads(message)

    def call(self, method, **parameters):
        self.send(f'io.holdfast.Agent.{method}', **parameters)
        return self.receive()

    def status(self):
        return self.call('GetStatus')['parameters']['status']

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def build_flood():
    program = os.path.join(BUILD, 'test', 'flood')
    source = os.path.join(TOP, 'tests/e2e/flood.c')
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(program), exist_ok=True)
        sh('gcc', '-std=gnu17', '-O2', '-D_GNU_SOURCE', '-o', f'{program}.{os.getpid()}', source)
        os.replace(f'{program}.{os.getpid()}', program)
    return program


def start_flood(c, node, peer, kinds, seconds=FLOOD_SECONDS):
    """Records at the switch port of `node`; write a line to its input to begin."""
    args = [build_flood(), f'p{node}-0', c.macs[node], c.address(node, 0), c.address(peer, 0), '10.90.0.253', '7410',
            str(seconds), *kinds]
    p = subprocess.Popen(['ip', 'netns', 'exec', c.ns('sw'), *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         text=True, start_new_session=True)
    c.processes.append(p)
    check(p.stdout.readline() == 'recorded\n', 'the flood heard no heartbeats')
    return p


def begin(flood):
    flood.stdin.write('go\n')
    flood.stdin.flush()


def sent(flood):
    words = flood.communicate(timeout=60)[0].split()
    return {k: int(n) for k, n in zip(words[::2], words[1::2])}


def watched(c):
    w = c.watch or c.start_watch()
    c.wait('replies', lambda: w.replies(w.now() - 200000))
    return w


def log_lines(c, node):
    with open(f'{c.dir}/{node}.log', encoding='utf-8', errors='replace') as f:
        return f.read().splitlines()


def text_of(c, log):
    with open(f'{c.dir}/{log}', encoding='utf-8', errors='replace') as f:
        return f.read()


def memory_kb(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return next(int(x.split()[1]) for x in f if x.startswith('VmRSS'))


def descriptors(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def usage(c, nodes=None):
    """node -> (RSS in kB, descriptors) of its agent."""
    return {n: (memory_kb(c.agents[n].pid), descriptors(c.agents[n].pid)) for n in nodes or c.names}


def check_flat(before, after, kb=1024):
    for n, (rss, fds) in after.items():
        check(rss - before[n][0] <= kb, f'{n} grew from {before[n][0]} to {rss} kB')
        check(fds - before[n][1] <= 2, f'{n} had {before[n][1]} descriptors, now {fds}')
    return max(rss - before[n][0] for n, (rss, _) in after.items())


def epochs(c, nodes=None):
    return {n: c.status(n)['view']['epoch'] for n in nodes or c.names}


def store_child(c, node):
    for pid in c.tree(node)[1:]:
        with contextlib.suppress(OSError), open(f'/proc/{pid}/comm', encoding='ascii') as f:
            if f.read().strip() == 'holdfast-store':
                return pid
    raise Failure(f'{node} has no store process')


def stop_agent(c, node):
    c.signal(node, signal.SIGTERM, tree=False)
    return c.agents[node].wait(timeout=60)


# ---- 1. the heartbeat port ----

def heartbeat_flood(tag):
    """All kinds of bad datagrams at the owner's port, as fast as one core can send them."""
    with Cluster(tag=tag).up() as c:
        owner = c.wait_stable()
        w = watched(c)
        peer = other(c, owner)
        flood = start_flood(c, owner, peer, KINDS)
        c.wait('the links to be quiet', lambda: c.status(owner)['lease_valid'])
        epoch, refused = epochs(c), c.status(owner)['counters']['refused']
        lines, before = len(log_lines(c, owner)), usage(c)
        since = w.now()
        begin(flood)
        while flood.poll() is None:
            check(c.cli(owner, 'status', check=False).returncode in (0, 1), 'the command line during the flood')
            time.sleep(0.5)
        n = sent(flood)['total']
        outage = w.outage_ms(since, w.now())
        check(epochs(c) == epoch, f'views changed: {epoch}, {epochs(c)}')
        check(c.holders() == [owner], 'the group moved')
        never_two(w, since, w.now())
        check(outage < 200, f'the service was silent for {outage} ms')
        now = c.status(owner)['counters']['refused']
        for reason in ('size', 'magic', 'version', 'key', 'hmac', 'sender', 'replay'):
            check(now[reason] > refused[reason] + 100, f'{reason}: {refused[reason]}, now {now[reason]}')
        grown = check_flat(before, usage(c))
        said = log_lines(c, owner)[lines:]
        told = [x for x in said if 'refused' in x and 'datagram' in x]
        check(told, f'no word about it in the log: {said}')
        check(len(said) <= 12, f'{len(said)} log lines: {said}')
        counted = sum(now.values()) - sum(refused.values())
        return (f'{n // FLOOD_SECONDS // 1000} thousand a second, {counted * 100 // n} % counted, {len(said)} log lines, '
                f'+{grown} kB, longest silence {outage:.0f} ms')


def replay_of_the_dead(tag):
    """Recorded heartbeats of a lost node keep nobody from seeing that it is lost, nor a restarted agent."""
    with Cluster(tag=tag).up() as c:
        owner = c.wait_stable()
        w = watched(c)
        victim = other(c, owner)
        left = [n for n in c.names if n != victim]
        third = next(n for n in left if n != owner)
        floods = [start_flood(c, n, victim, ['replayed', 'reflected'], 8) for n in left]
        since = w.now()
        for f in floods:
            begin(f)
        c.power_off(victim)
        start = time.monotonic()
        for n in left:
            c.wait_members(n, left)
        lost = (time.monotonic() - start) * 1000
        check(lost < 5000, f'{lost} ms until the dead node was out')
        c.kill_agent(third)
        c.start(third)
        for n in left:
            c.wait_members(n, left)
        state = state_of(c, third, victim)
        check(state in ('unknown', 'silent', 'left', 'heard'), f'the dead node is {state}')
        for f in floods:
            sent(f)
        for n in left:
            check(sorted(c.status(n)['view']['members']) == sorted(left), f"view {c.status(n)['view']}")
        never_two(w, since, w.now())
        c.boot(victim)
        c.wait_stable()
        return f'out {lost:.0f} ms after its end in spite of its recordings; a restarted agent was not fooled; rejoined'


ALL = [heartbeat_flood, replay_of_the_dead]
