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
from scenarios import SETTLE, check, never_two, other, state_of

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


# ---- 2. and 3. the disk ----

@contextlib.contextmanager
def small_disk(c, node, size='3m'):
    """The state directory of `node` on a disk of its own."""
    path = f'{c.dir}/{node}/state'
    sh('mount', '-t', 'tmpfs', '-o', f'size={size},mode=0700', 'e2e', path)
    try:
        yield path
    finally:
        if node in c.agents:
            c.kill_agent(node)
        c.wait('the disk to be free', lambda: sh('umount', path, check=False).returncode == 0)


def fill(path):
    """Until not a byte is left."""
    fd = os.open(f'{path}/rubbish', os.O_WRONLY | os.O_CREAT, 0o600)
    with contextlib.suppress(OSError):
        while True:
            os.write(fd, b'x' * 4096)
    os.close(fd)
    check(os.statvfs(path).f_bavail == 0, 'the disk is not full')


def full_disk(tag):
    """Full at the first start: refused. Full later: files of fixed size are not concerned."""
    c = Cluster(tag=tag)
    with c.up(start=False), small_disk(c, 'n1') as path:
        os.mkdir(f'{path}/state')
        fill(path)
        c.write_config('n1', c.config_text('n1').replace(path, f'{path}/state'))
        for n in c.names:
            c.start(n)
        code = c.agents['n1'].wait(timeout=60)
        text = text_of(c, 'n1.log')
        check(code == 1 and path in text and 'No space left' in text, f'exit {code}: {text}')
        os.unlink(f'{path}/rubbish')
        c.start('n1')
        c.wait_stable()
        fill(path)
        for target in ('n2', 'n1'):
            c.cli('n1', 'group', 'move', 'web', target, '--wait')
        check(c.holders() == ['n1'], 'moved there and back')
        check(c.status('n1')['store_ok'], 'the store failed')
        stop_agent(c, 'n1')
        c.start('n1')
        c.wait_stable()
        return f'first start refused (exit {code}), started when freed; nothing needs room later, not even a restart'


def fail_writes(pid, fail=True):
    """Every write of this process to a file fails (EFBIG), as from a disk in trouble."""
    sh('prlimit', '--pid', str(pid), '--fsize=' + ('0:' if fail else 'unlimited:'))


def failing_disk(tag):
    with Cluster(tag=tag, extra='request_timeout = "3s";').up() as c:
        owner = c.wait_stable()
        w = watched(c)
        bad, third = [n for n in c.names if n != owner]
        child = store_child(c, bad)
        fail_writes(child)
        r = c.cli(third, 'group', 'move', 'web', third, check=False)  # on its way when the failure shows
        check(r.returncode == 1 and 'state file' in r.stderr, f'exit {r.returncode}: {r.stderr}')
        owner = c.wait_owner()
        third = next(n for n in c.names if n not in (owner, bad))
        for args in (('group', 'stop', 'web'), ('group', 'move', 'web', third), ('server', 'stop', owner, '--yes')):
            r = c.cli(third, *args, check=False)
            check(r.returncode == 1 and 'state file' in r.stderr, f'{args}: exit {r.returncode}: {r.stderr}')
        time.sleep(SETTLE)
        check(c.holders() == [owner], 'a refused command was carried out')
        c.wait('the failure to be shown', lambda: not c.status(bad)['store_ok'])
        check(c.cli(bad, 'status', check=False).returncode == 1, 'exit code of status')
        check(c.events(bad, 'store-failed'), 'no event store-failed')
        since = w.now()
        c.power_off(owner)  # it takes both others, one of them without a disk
        heir = c.wait_owner([bad, third])
        outage = w.outage_ms(since, w.now())
        fail_writes(child, False)
        c.wait('the recovery to be told', lambda: c.events(bad, 'store-recovered'))
        c.wait('the verdict', lambda: c.status(bad)['store_ok'])
        target = next(n for n in (bad, third) if n != heir)
        c.wait('a command to be accepted', lambda: c.cli(third, 'group', 'move', 'web', target, '--wait',
                                                         check=False).returncode == 0)
        never_two(w, since, w.now())
        return f'commands refused, failover in {outage:.0f} ms, recovered'


def hanging_disk(tag):
    with Cluster(tag=tag, extra='request_timeout = "2s";').up() as c:
        owner = c.wait_stable()
        w = watched(c)
        bad, third = [n for n in c.names if n != owner]
        child = store_child(c, bad)
        os.kill(child, signal.SIGSTOP)
        try:
            since = w.now()
            c.power_off(owner)
            c.wait_owner([bad, third])
            outage = w.outage_ms(since, w.now())
            epoch = epochs(c, [bad, third])
            start = time.monotonic()
            r = c.cli(third, 'group', 'stop', 'web', check=False)
            took = time.monotonic() - start
            check(r.returncode != 0 and r.stderr.strip(), f'exit {r.returncode}: {r.stderr}')
            check(took < 10, f'answered after {took} s')
            check(epochs(c, [bad, third]) == epoch, 'beats depend on the disk')
        finally:
            os.kill(child, signal.SIGCONT)
        c.wait('a command to be accepted', lambda: c.cli(third, 'group', 'start', 'web', '--wait',
                                                         check=False).returncode == 0)
        before = len(c.events(bad))
        os.kill(child, signal.SIGKILL)
        c.wait('the store to be started again', lambda: c.cli(third, 'group', 'stop', 'web', '--wait',
                                                              check=False).returncode == 0)
        c.wait('another child', lambda: store_child(c, bad) != child)
        c.kill_agent(bad)
        c.start(bad)
        c.wait('it to be back', lambda: (c.status(bad) or {}).get('view'))
        check(not c.holders(), 'the stop was forgotten')
        check(len(c.events(bad)) >= before, 'events were lost')
        return (f'hanging: command answered "{r.stderr.strip()}" (exit {r.returncode}), failover {outage:.0f} ms; '
                f'store process killed: nothing lost')


# ---- 4. the wrong things at start ----

def interfaces(tag):
    """Missing at start, taken away while running, back without and with its address."""
    with Cluster(tag=tag).up(start=False) as c:
        sh('ip', '-n', c.ns('n3'), 'link', 'del', 'eth0')
        for n in c.names:
            c.start(n)
        owner = c.wait_owner(['n1', 'n2'])
        c.wait('n3 to answer', lambda: c.status('n3'))
        links = [k for s in c.status('n3')['servers'] for k in s['links']]
        check(links and not any(k['open'] for k in links), f'{links}')
        check(c.cli('n3', 'status', check=False).returncode in (2, 3), 'exit code of status')
        c.make_link('n3', 0)
        c.wait_stable()
        sh('ip', '-n', c.ns(owner), 'link', 'del', 'eth0')
        heir = c.wait_owner([n for n in c.names if n != owner])
        c.wait('the loser to let go', lambda: c.status(owner)['groups'][0]['current'] != owner)
        c.make_link(owner, 0, address=False)
        time.sleep(1.5)  # longer than it takes to look for addresses again
        check(not c.status(owner)['view'] or owner not in c.status(heir)['view']['members'], 'a member without address')
        c.make_link(owner, 0)
        c.wait_stable()
        check(c.holders() == [heir], f'{c.holders()} instead of {heir}')
        return 'missing at start: joined when it came; removed: failed over, rejoined'


def bad_starts(tag):
    """Everything that stops a start: a stable exit code and a sentence that names the thing."""
    c = Cluster(tag=tag)
    with c.up(start=False):
        good = c.config_text('n1')
        key = f'{c.dir}/key'
        cases = [
            ('a key that is not there', good.replace(key, key + '.none'), 66, r'key\.none'),
            ('a key that is a directory', good.replace(key, c.dir), None, re.escape(c.dir)),
            ('a key of rubbish', good.replace(key, c.dir + '/rubbish'), None, 'rubbish'),
            ('an endless key', good.replace(key, '/dev/zero'), None, '/dev/zero'),
            ('an unknown option', good.replace('port =', 'prot ='), 78, r'conf:1.*prot'),
            ('a syntax error', good.replace('};', '}', 1).replace('{', '', 1), 78, r'conf:\d+'),
            ('a bad number', good.replace('7410', '74100'), 78, r'conf:1.*port'),
            ('an unknown node in a group', good.replace('[ "n1", "n2", "n3" ]', '[ "n1", "n9" ]'), 78, r'conf:.*n9'),
            ('nothing', ' ', 78, 'cluster'),
            ('binary rubbish', '\x00\x01\x02\x7f' * 1000, 78, 'conf'),
            ('deep nesting', 'a = ' + '(' * 100000, 78, 'conf'),
            ('a state directory that cannot be made', good.replace(f'{c.dir}/n1/state', '/proc/none/state'), None,
             '/proc/none/state'),
            ('a state directory that is a file', good.replace(f'{c.dir}/n1/state', f'{c.dir}/rubbish'), None, 'rubbish'),
            ('a socket path that is too long', good.replace(c.socket('n1'), '/tmp/' + 'x' * 200), 78, r'conf:.*socket'),
        ]
        with open(f'{c.dir}/rubbish', 'wb') as f:
            f.write(os.urandom(1000))
        os.chmod(f'{c.dir}/rubbish', 0o600)
        for what, text, code, words in cases:
            c.write_config('n1', text)
            run_refused(c, what, [], code, words)
        c.write_config('n1', good)
        run_refused(c, 'a node that does not exist', ['--node', 'nx'], 78, 'nx')
        run_refused(c, 'no such file', ['--config', '/nowhere'], 66, '/nowhere')
        run_refused(c, 'a folder', ['--config', c.dir], None, re.escape(c.dir))
        run_refused(c, 'an option too many', ['--frob'], 64, 'frob')
        return f'{len(cases) + 4} starts refused, each with its reason'


def run_refused(c, what, args, code, words):
    base = [os.path.join(BIN, 'holdfastd'), '--config', f'{c.dir}/n1/conf', '--node', 'n1']
    r = subprocess.run(['ip', 'netns', 'exec', c.ns('n1'), *base, *args], capture_output=True, timeout=20, check=False)
    text = r.stderr.decode(errors='replace')
    check(r.returncode in ({1, 64, 65, 66, 75, 77, 78} if code is None else {code}), f'{what}: exit {r.returncode}: {text}')
    check(re.search(words, text), f'{what}: "{text}" does not name it')
    check(len(text) < 20000, f'{what}: {len(text)} bytes of messages')


ALL = [heartbeat_flood, replay_of_the_dead, full_disk, failing_disk, hanging_disk, interfaces, bad_starts]
