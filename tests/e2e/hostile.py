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

from lib import BIN, Cluster, Failure, VIP, Varlink, build_helper, sh
from scenarios import SETTLE, check, never_two, other, state_of

FLOOD_SECONDS = 3
KINDS = ['junk', 'truncated', 'oversized', 'replayed', 'reflected', 'flipped', 'version', 'key', 'stranger', 'length']


# ---- what they share ----

def start_flood(c, node, peer, kinds, seconds=FLOOD_SECONDS):
    """Records at the switch port of `node`; write a line to its input to begin."""
    args = [build_helper('flood'), f'p{node}-0', c.macs[node], c.address(node, 0), c.address(peer, 0), '10.90.0.253', '7410',
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
        os.sched_setscheduler(flood.pid, os.SCHED_RR, os.sched_param(1))  # an attacker has a core of his own
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
        floods = [start_flood(c, n, victim, ['replayed', 'reflected'], 5) for n in left]
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
    with Cluster(tag=tag, extra='startup_wait = "1s";').up(start=False) as c:
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


def run_refused(c, what, args, code, words, node='n1'):
    base = [os.path.join(BIN, 'holdfastd'), '--config', f'{c.dir}/n1/conf', '--node', 'n1']
    r = subprocess.run(['ip', 'netns', 'exec', c.ns(node), *base, *args], capture_output=True, timeout=20, check=False)
    text = r.stderr.decode(errors='replace')
    check(r.returncode in ({1, 64, 65, 66, 75, 77, 78} if code is None else {code}), f'{what}: exit {r.returncode}: {text}')
    check(re.search(words, text), f'{what}: "{text}" does not name it')
    check(len(text) < 20000, f'{what}: {len(text)} bytes of messages')


# ---- 5. the local socket ----

def connect(path):
    k = socket.socket(socket.AF_UNIX)
    k.settimeout(5)
    k.connect(path)
    return k


def pour(path, chunk, total):
    """Sends until `total` bytes or until the agent has enough of it; returns the bytes and the last words."""
    n, last = 0, b''
    with connect(path) as k, contextlib.suppress(OSError):
        k.settimeout(0.7)
        while n < total:
            n += k.send(chunk)
        k.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        last = k.recv(4096)
    return n, last


def abuse(path):
    """What one client can do to the socket. Returns words about what came of it."""
    said = []
    held = []
    for _ in range(200):
        with contextlib.suppress(OSError):
            held.append(connect(path))
    for k in held[::2]:  # half messages
        with contextlib.suppress(OSError):
            k.send(b'{"method":"io.holdfast.Agent.GetSta')
    time.sleep(0.3)
    for k in held:
        k.close()
    n, _ = pour(path, b'x' * 65536, 100 * 1024 * 1024)
    said.append(f'{n >> 10} kB without an end taken')
    pour(path, os.urandom(65536) + b'\0', 4 << 20)
    pour(path, b'\0' * 65536, 4 << 20)
    pour(path, b'[' * 60000 + b'\0', 1 << 20)
    pour(path, b'{"method":' * 6000 + b'\0', 1 << 20)
    pour(path, b'{"method":"a.b.C","parameters":{"a":' + b'[' * 2000 + b']' * 2000 + b'}}\0', 1 << 20)
    many = b'{"method":"io.holdfast.Agent.GetStatus"}\0'
    for more in (b'', b',"more":true', b',"oneway":true'):
        pour(path, many.replace(b'}', more + b'}') * 500, 2 << 20)  # and never read
    follow = b'{"method":"io.holdfast.Agent.GetEvents","parameters":{"follow":true,"since":0},"more":true}\0'
    slow = []
    for _ in range(30):  # readers that never read
        with contextlib.suppress(OSError):
            slow.append(connect(path))
            slow[-1].send(follow * 20)
    for k in slow[:10]:
        k.close()
    for method in ('GroupMove', 'GroupStart', 'ServerStop', 'Explain', 'GetEvents', 'Nothing', '', 'GetConfig'):
        for parameters in ({}, {'group': None}, {'group': 'x' * 60000}, {'group': 7, 'server': []}, {'server': 'n9'},
                           {'since': -1, 'limit': 1 << 62}, {'number': -1}, [], 'x', {'group': 'web\n\x1b[2J', 'server': '%s%n'}):
            m = {'method': f'io.holdfast.Agent.{method}', 'parameters': parameters}
            with contextlib.suppress(OSError), connect(path) as k:
                k.send(json.dumps(m).encode() + b'\0')
                reply = k.recv(65536)
                if b'"error"' not in reply and method not in ('GetEvents', 'GetConfig', 'Explain'):
                    said.append(f'{method} {parameters}: {reply[:200]}')
    for k in slow:
        k.close()
    return said


def abuse_as(path, uid):
    """abuse() in a process of its own, as `uid`; returns its words."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(read)
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.write(write, json.dumps(abuse(path)).encode()[:60000])
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    return pid, os.fdopen(read, 'rb')


def socket_abuse(tag):
    with Cluster(tag=tag).up() as c:
        owner = c.wait_stable()
        w = watched(c)
        os.chmod(c.dir, 0o755)
        epoch, before = epochs(c), usage(c)
        late = {n: len(c.events(n, 'node-late')) for n in c.names}
        since, words, worst = w.now(), [], 0
        path = c.socket(owner)
        for uid in (0, 65534):
            pid, out = abuse_as(path, uid)
            while not select.select([out], [], [], 0.2)[0]:
                start = time.monotonic()
                code = c.cli(owner, 'status', check=False).returncode
                worst = max(worst, time.monotonic() - start)
                # root may use up all places with its own 200 connections; an ordinary user may not
                check(code in (0, 1) or uid == 0 and code == 4, f'the command line of root: exit {code}, abused by {uid}')
            said = out.read()
            out.close()
            check(os.waitpid(pid, 0)[1] == 0, f'the abuser with uid {uid} failed')
            words.append(json.loads(said))
            check(len(words[-1]) == 1, f'taken from {uid}: {words[-1][1:]}')
        check(epochs(c) == epoch and c.holders() == [owner], 'views or groups changed')
        check(c.cli(owner, 'status', check=False).returncode in (0, 1), 'the command line afterwards')
        c.wait('the connections to be gone', lambda: descriptors(c.agents[owner].pid) <= before[owner][1] + 2)
        grown = check_flat(before, usage(c), 6 * 1024)
        more = {n: len(c.events(n, 'node-late')) - late[n] for n in c.names}
        check(sum(more.values()) <= 2, f'late beats: {more}')
        outage = w.outage_ms(since, w.now())
        never_two(w, since, w.now())
        return (f'{words[0][0]}, +{grown} kB, {sum(more.values())} late beats, longest silence {outage:.0f} ms, '
                f'status took at most {worst * 1000:.0f} ms')


# ---- 6. the files at start ----

SECTOR = 512
SLOT = 81920
RING_HEADER = 4096
RECORD = 256


def crc32c(data):
    crc = 0xffffffff
    for b in data:
        crc ^= b
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def other_version(state):
    """The same state, soundly written by a program of another version."""
    out = bytearray(state)
    for slot in (0, SLOT):
        payload = bytearray(b''.join(state[slot + i * SECTOR + 24:slot + i * SECTOR + 508] for i in range(SLOT // SECTOR)))
        payload[0:4] = struct.pack('>I', 99)
        payload[4:8] = struct.pack('>I', crc32c(bytes(payload[0:4] + payload[8:])))
        for i in range(SLOT // SECTOR):
            at = slot + i * SECTOR
            out[at + 24:at + 508] = payload[i * 484:(i + 1) * 484]
            out[at + 508:at + 512] = struct.pack('>I', crc32c(bytes(out[at:at + 508])))
    return bytes(out)


def flip(data, at, bit=0):
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1:]


def last_record(events):
    """Place of the record with the highest sequence."""
    records = [events[i:i + RECORD] for i in range(RING_HEADER, len(events), RECORD)]
    return max(range(len(records)), key=lambda i: struct.unpack('>Q', records[i][16:24])[0])


def damaged_state(tag):
    """Every kind of damage ends the start with exit 65, says what to do, and is left as it is."""
    with Cluster(tag=tag).up() as c:
        c.wait_stable()
        check(stop_agent(c, 'n3') == 0, 'n3 leaves')
        folder = f'{c.dir}/n3/state'
        state, events = (open(f'{folder}/{f}', 'rb').read() for f in ('state', 'events'))
        last = RING_HEADER + last_record(events) * RECORD
        cases = [('state', 'truncated', state[:-1]), ('state', 'empty', b''), ('state', 'one slot', state[:SLOT]),
                 ('state', 'oversized', state + b'\0'), ('state', 'zeros', bytes(len(state))),
                 ('state', 'another version', other_version(state)), ('state', 'a sparse terabyte', None)]
        cases += [('state', f'bit {b} of byte {at}', flip(state, at, b)) for at, b in
                  ((0, 0), (5, 1), (9, 3), (24, 7), (600, 2), (SLOT - 1, 0), (SLOT, 5), (2 * SLOT - 1, 7))]
        cases += [('events', 'truncated', events[:-1]), ('events', 'empty', b''), ('events', 'oversized', events + b'\0'),
                  ('events', 'zeros', bytes(len(events))), ('events', 'flipped header', flip(events, 20)),
                  ('events', 'a flipped early record', flip(events, RING_HEADER + 30)),
                  ('events', 'rubbish far away', flip(events, len(events) - 7))]
        for name, what, data in cases:
            damage(c, folder, name, data)
            run_damaged(c, folder, name, what)
            write_file(f'{folder}/{name}', state if name == 'state' else events)
        os.unlink(f'{folder}/state')
        run_damaged(c, folder, 'state', 'removed')
        write_file(f'{folder}/state', state)
        write_file(f'{folder}/events', flip(events, last + 100))  # the last write was torn
        c.start('n3')
        c.wait_stable()
        check('torn' in text_of(c, 'n3.log'), 'a torn record is dropped without a word')
        return f'{len(cases) + 1} damages refused with exit 65 and advice; a torn last record accepted'


def write_file(path, data):
    with open(path, 'wb') as f:
        f.write(data)


def damage(c, folder, name, data):
    if data is None:
        os.truncate(f'{folder}/{name}', 1 << 40)
    else:
        write_file(f'{folder}/{name}', data)


def run_damaged(c, folder, name, what):
    def look():
        out = {}
        for f in ('state', 'events'):
            with contextlib.suppress(FileNotFoundError), open(f'{folder}/{f}', 'rb') as file:
                out[f] = os.path.getsize(f'{folder}/{f}'), file.read(8 << 20)
        return out
    before = look()
    start = time.monotonic()
    run_refused(c, f'{name}: {what}', ['--node', 'n3', '--config', f'{c.dir}/n3/conf'], 65,
                'reset-state|start the program that wrote it' if name == 'state' else 'move|Move', node='n3')
    check(time.monotonic() - start < 10, f'{name}: {what}: took {time.monotonic() - start} s')
    check(look() == before, f'{name}: {what}: the file was changed')


def reset_state(tag):
    """docs/disk-formats.md, Recovery, step by step; and the ways to do it wrong."""
    with Cluster(tag=tag).up() as c:
        c.wait_stable()
        config = f'{c.dir}/n3/conf'
        tool = [os.path.join(BIN, 'holdfastd'), '--reset-state', '--config', config]
        args = ['--epoch', '1', '--incarnation', '1', '--lease', '1s']
        r = sh(*tool, *args, check=False)
        check(r.returncode == 75, f'while an agent runs: exit {r.returncode}: {r.stderr}')
        check(stop_agent(c, 'n3') == 0, 'n3 leaves')
        r = sh(*tool, *args, check=False)
        check(r.returncode == 64 and r.stderr, f'a sound file: exit {r.returncode}: {r.stderr}')
        path = f'{c.dir}/n3/state/state'
        good = open(path, 'rb').read()
        write_file(path, flip(good, 700))
        for wrong in ([], args[:4], ['--epoch', '0', *args[2:]], [*args[:5], '0'], ['--epoch', '99999999999999999999', *args[2:]]):
            r = sh(*tool, *wrong, check=False)
            check(r.returncode == 64 and r.stderr.strip(), f'{wrong}: exit {r.returncode}: {r.stderr}')
        run_refused(c, 'damaged', ['--node', 'n3', '--config', config], 65, 'reset-state', node='n3')
        time.sleep(1)  # longer than the lease
        seen = [c.status(n) for n in ('n1', 'n2')]
        epoch = max(s['view']['epoch'] for s in seen)
        incarnation = max(k['incarnation'] for s in seen for k in s['servers'] if k['name'] == 'n3')
        r = sh(*tool, '--epoch', str(epoch), '--incarnation', str(incarnation), '--lease', '2s')
        kept = [f for f in os.listdir(os.path.dirname(path)) if f.startswith('state.damaged')]
        check(kept and open(f'{os.path.dirname(path)}/{kept[0]}', 'rb').read() == flip(good, 700), 'the damaged file is kept')
        c.start('n3')
        c.wait_stable()
        now = next(k['incarnation'] for k in c.status('n1')['servers'] if k['name'] == 'n3')
        check(now > incarnation, f'incarnation {incarnation}, then {now}')
        c.cli('n3', 'group', 'move', 'web', 'n3', '--wait')
        check(c.holders() == ['n3'], 'it serves again')
        return f'incarnation {incarnation}, then {now}; holds the group again'


# ---- 7. programs that misbehave ----

APP = """#!/bin/sh
. {d}/mode
[ "$1" = stop ] && [ -n "$STOP" ] && eval "$STOP"
[ "$1" = start ] && eval "$START"
exit 0
"""


def exec_cluster(tag, nodes='"n1", "n2", "n3"'):
    c = Cluster(tag=tag)
    c.groups = f"""( {{ name = "web"; nodes = [ {nodes} ]; accept_agent_enforced_lease = true; resources = (
  {{ type = "fip"; name = "fip1"; address = "{VIP}/24"; check = "100ms"; }},
  {{ type = "exec"; name = "app"; depends = [ "fip1" ]; start = [ "{c.dir}/app", "start" ]; stop = [ "{c.dir}/app", "stop" ];
     start_timeout = "1s"; stop_timeout = "1s"; on_start_failure = "stop-group"; }} ); }} )"""
    set_mode(c, 'START=true', 'STOP=true')
    write_file(f'{c.dir}/app', APP.format(d=c.dir).encode())
    os.chmod(f'{c.dir}/app', 0o755)
    return c


def set_mode(c, *lines):
    write_file(f'{c.dir}/mode.new', ('\n'.join(lines) + '\n').encode())
    os.rename(f'{c.dir}/mode.new', f'{c.dir}/mode')


def group_status(c, at='n1'):
    return (c.status(at) or {'groups': [{'status': '?'}]})['groups'][0]['status']


def restart_group(c):
    """Stops and starts the group; True when it is online."""
    c.cli('n1', 'group', 'stop', 'web', '--wait', check=False)
    c.wait('the group to be offline', lambda: group_status(c) == 'Offline' and not c.holders())
    c.cli('n1', 'group', 'start', 'web', '--wait', check=False)
    return c.wait('the start to end', lambda: group_status(c) in ('Online', 'Error') and group_status(c)) == 'Online'


def nasty_programs(tag):
    """What a program does must not hold up its group, nor the agent."""
    with exec_cluster(tag, '"n1"').up() as c:
        c.wait_stable()
        c.wait('the group', lambda: group_status(c) == 'Online')
        w, before = watched(c), usage(c)
        epoch, since = epochs(c), w.now()
        nice = {  # these are started, whatever they leave behind
            'floods its output': 'head -c 3000000 /dev/zero | tr "\\\\0" "x"; head -c 200000 /dev/urandom >&2',
            'leaves a grandchild with its output': f'(sleep 600 & echo $! >>{c.dir}/pids)',
            'leaves a daemon of its own session': f'setsid sh -c "echo \\$\\$ >>{c.dir}/pids; exec sleep 600" & sleep 0.2',
            'closes its input and output': 'exec <&- >&- 2>&-',
        }
        for what, start in nice.items():
            set_mode(c, f"START='{start}'")
            check(restart_group(c), f'a program that {what}: {group_status(c)}')
        bad = {  # these are failures; the group ends in Error, the agent does not
            'ignores SIGTERM': 'trap "" TERM; while :; do sleep 0.1; done',
            'hangs with grandchildren': 'sh -c "sleep 600 & sleep 600"',
            'kills itself': 'kill -SEGV $$',
        }
        for what, start in bad.items():
            set_mode(c, f"START='{start}'")
            check(not restart_group(c), f'a program that {what} was taken for started')
            check(not c.holders(), f'{what}: the address stayed')
        for what, spoil in (('missing', os.unlink), ('not executable', lambda p: os.chmod(p, 0o644))):
            program = open(f'{c.dir}/app', 'rb').read()
            # a stop that cannot be run blocks: start from offline
            c.cli('n1', 'group', 'stop', 'web', '--wait', check=False)
            spoil(f'{c.dir}/app')
            c.cli('n1', 'group', 'start', 'web', check=False)
            c.wait('the start to fail', lambda: group_status(c) == 'Error')
            text = ' '.join(e['message'] for e in c.events('n1', 'resource-start-failed')[-6:])
            check('cannot execute the program' in text, f'{what}: {text}')
            write_file(f'{c.dir}/app', program)
            os.chmod(f'{c.dir}/app', 0o755)
            set_mode(c, 'START=true')
            check(restart_group(c), f'{what}: put right, and started again')
        check(epochs(c) == epoch, 'the view changed')
        grown = check_flat(before, usage(c))
        never_two(w, since, w.now())
        left = open(f'{c.dir}/pids', encoding='ascii').read().split()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        return f'{len(nice)} odd programs started, {len(bad) + 2} failures told and survived, +{grown} kB'


def failed_stop(tag):
    """A stop that fails: nobody else takes the group until it has been put right."""
    with exec_cluster(tag).up() as c:
        owner = c.wait_stable()
        c.wait('the group', lambda: group_status(c) == 'Online')
        w = watched(c)
        since = w.now()
        set_mode(c, 'START=true', 'STOP="echo cannot let go; exit 9"')
        r = c.cli(owner, 'group', 'move', 'web', other(c, owner), '--wait', check=False)
        check(r.returncode != 0, f'a move whose stop failed: exit {r.returncode}, {r.stdout}')
        c.wait('the group to be shown in error', lambda: group_status(c, other(c, owner)) == 'Error')
        time.sleep(SETTLE)
        check(not [n for n in c.holders() if n != owner], 'another node took it')
        texts = ' '.join(e['message'] for e in c.events(owner, 'resource-stop-failed'))
        check('exit status 9' in texts, f'events: {texts}')
        check(c.status(other(c, owner))['groups'][0]['current'] == owner, f"{c.status(owner)['groups']}")
        verdict = c.status(owner)['verdict']
        check(verdict['level'] != 'healthy' and 'web' in ' '.join([verdict['text'], *verdict['reasons']]), f'{verdict}')
        set_mode(c, 'START=true')
        start = time.monotonic()
        c.cli(owner, 'group', 'stop', 'web', '--wait')
        check(time.monotonic() - start < 10, 'the repaired stop was not tried at once')
        c.cli(owner, 'group', 'start', 'web', other(c, owner), '--wait')
        c.wait('the group', lambda: group_status(c) == 'Online')
        check(c.holders() == [other(c, owner)], f'{c.holders()}')
        never_two(w, since, w.now())
        return f'stayed put and said why ("{verdict["text"]}"); repaired, stopped, started elsewhere'


# ---- 8. flapping, for long ----

# As many departures as never make a quarantine, at the shortest window.
FLAPPY = 'flap_limit = 8; flap_window = "1s"; quarantine = "1s"; quarantine_max = "1s";'


def small_ring(c):
    """The event ring of the smallest size, so that it is soon full, and memory can be seen to be flat."""
    text = c.config_text
    c.config_text = lambda node: text(node).replace('agent = {', 'agent = { event_records = 256;')
    return c


def flap(c, times):
    """A member leaves and joins so often. Returns the view changes that another one saw."""
    owner = c.wait_stable()
    bad, watcher = [n for n in c.names if n != owner]
    with Varlink(c.socket(watcher)) as v:
        first = v.status()['view']['epoch']

        def members(n):
            view = v.status()['view']
            return view and len(view['members']) == n
        for _ in range(times):
            c.block(bad)
            c.wait('it to be out', lambda: members(2))
            c.block(bad, False)
            c.wait('it to be in', lambda: members(3))
        c.wait_stable()
        return v.status()['view']['epoch'] - first, owner


def flaps(tag, times=20):
    """Membership flaps leave nothing behind. The first ones fill what has a bound."""
    with small_ring(Cluster(detection='60ms', tag=tag, extra=FLAPPY)).up() as c:
        flap(c, 8)
        before = usage(c)
        epochs_seen, _ = flap(c, times)
        after = usage(c)
        check(epochs_seen >= 2 * times, f'{epochs_seen} views for {times} flaps')
        grown = check_flat(before, after, 256)
        return (f'{times} flaps, {epochs_seen} views: RSS {max(r for r, _ in before.values())} kB, then '
                f'{max(r for r, _ in after.values())} kB (at most +{grown}), {max(f for _, f in after.values())} descriptors')


# ---- 10. changes under load ----

def key_rotation_under_load(tag):
    """A key a node, one after another, while commands come in and a node is restarted between; then the old key goes."""
    with Cluster(tag=tag).up(start=False) as c:
        for n in c.names:
            shutil.copy2(f'{c.dir}/key', f'{c.dir}/{n}/key')
            c.write_config(n, c.config_text(n).replace(f'"{c.dir}/key"', f'"{c.dir}/{n}/key"'))
            c.start(n)
        c.wait_stable()
        w = watched(c)
        since, moves, epoch = w.now(), 0, epochs(c)
        sh(os.path.join(BIN, 'holdfast'), 'keygen', '--rotate', f'{c.dir}/key')
        both = open(f'{c.dir}/key', encoding='ascii').read()
        keys = [x for x in both.split() if len(x) == 64]
        check(len(keys) == 2, f'{len(keys)} keys after the rotation')
        for text in (both, keys[0] + '\n'):
            for n in c.names:
                with open(f'{c.dir}/{n}/key', 'w', encoding='ascii') as f:
                    f.write(text)
                c.signal(n, signal.SIGHUP, tree=False)
                for target in ('n2', 'n1'):
                    c.cli(n, 'group', 'move', 'web', target, '--wait')
                    moves += 1
        check(epochs(c) == epoch, 'a view was lost')
        refused = c.status('n1')['counters']['refused']
        check(refused['key'] == 0 and refused['hmac'] == 0, f'beats were refused: {refused}')
        write_file(f'{c.dir}/n2/key', b'rubbish\n')  # an unreadable key: the old one stays
        c.signal('n2', signal.SIGHUP, tree=False)
        c.wait('the complaint', lambda: [x for x in log_lines(c, 'n2') if f'{c.dir}/n2/key' in x and 'again' not in x])
        write_file(f'{c.dir}/n3/key', (keys[1] + '\n').encode())  # back to the old key alone: kept out
        c.signal('n3', signal.SIGHUP, tree=False)
        c.wait_members('n1', ['n1', 'n2'])
        never_two(w, since, w.now())
        return f'{moves} moves, no view lost, no beat refused; a broken file changes nothing; the old key alone is kept out'


def two_boot_at_once(tag):
    """Two of three lose power, and boot at the same moment; over and over, the third alone holds nothing."""
    with Cluster(tag=tag).up() as c:
        owner = c.wait_stable()
        w = watched(c)
        since, rounds = w.now(), 2
        for _ in range(rounds):
            two = [n for n in c.names if n != owner]
            for n in two:
                c.power_off(n)
            c.wait('the last one to let go', lambda: not c.holders())
            for n in two:
                c.boot(n)
            owner = c.wait_stable()
        never_two(w, since, w.now())
        return f'{rounds} times, service back each time'


ALONE = [heartbeat_flood, socket_abuse]  # times
ALL = [replay_of_the_dead, flaps, key_rotation_under_load, two_boot_at_once, full_disk, failing_disk, hanging_disk, interfaces,
       bad_starts, damaged_state, reset_state, nasty_programs, failed_stop]
