# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel path (docs/kernel.md) under real agents: stopped, killed, cut off, starved and attacked."""
import json
import os
import signal
import subprocess
import sys
import time

from hostile import begin, check_flat, epochs, log_lines, text_of, usage, watched
from lib import BIN, Cluster, TOP, build_helper, sh
from scenarios import SETTLE, check, failover, never_two, other, state_of

STOP = 5  # seconds that an agent is stopped for
HANDLE = '0x4846'  # of our filters at tc
LEASE_MS = 360  # of the default detection time here, 300 ms
SLOW_MS = 60  # how late this machine may be, with all nodes on it
FORGE = os.path.join(TOP, 'tests/e2e/forge.py')


def cluster(tag, stall='10s', nodes=3, extra='', **kw):
    """Nobody accepts here that only the agent ends a lease."""
    c = Cluster(tag=tag, nodes=nodes, extra=f'stall_timeout = "{stall}"; {extra}', **kw)
    c.groups = c.default_groups().replace('accept_agent_enforced_lease = true;', '')
    return c


def path_on(c, nodes=None):
    """The kernel path runs on these nodes, and each has heard the kernels of all others."""
    def on(node):
        s = c.status(node)
        if not s or s['kernel']['state'] != 'on' or not s['kernel']['lease_valid']:
            return False
        return all(k['kernel_answers'] > 0 for p in s['servers'] if p['name'] in nodes and not p['self'] for k in p['links'])
    nodes = nodes or c.names
    for n in nodes:
        c.wait(f'the kernel path of {n}', lambda n=n: on(n))


def counter(c, node, name):
    return c.status(node)['kernel']['counters'][name]


def ready(c, nodes=None):
    """Returns owner and watch, once all is well."""
    owner = c.wait_stable()
    path_on(c, nodes)
    return owner, watched(c)


def nothing_lost(c, w, since):
    """The ordinary client had every reply. Returns the longest silence in ms."""
    until = w.now()
    c.wait('the watch to have written', lambda: w.replies(until))
    lost, asked = w.lost(since, until)
    silence = w.outage_ms(since, until)
    check(lost <= 2, f'{lost} of {asked} questions were not answered, longest silence {silence} ms')
    check(silence < SLOW_MS, f'silent for {silence} ms')
    return silence


def look_on(c, seconds, what):
    """What is to hold all the time: `what` is a list of (text, condition)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for text, condition in what:
            check(condition(), text)
        time.sleep(0.05)


def heir_answers(c, w, owner):
    def heir():
        seen = w.answering(w.now() - 200000, w.now())
        return seen[0] if len(seen) == 1 and seen[0] != owner else None
    return c.wait('another node alone to answer', heir)


# ---- stopped agents ----

def stalled_owner(tag):
    """Its agent is stopped for less than stall_timeout: the kernel goes on, and nobody minds."""
    with cluster(tag).up() as c:
        owner, w = ready(c)
        peers = [n for n in c.names if n != owner]
        before, since = epochs(c), w.now()
        c.freeze(owner)
        stopped = time.monotonic()
        for n in peers:
            c.wait(f'{n} to see it stalled', lambda n=n: state_of(c, n, owner) == 'stalled')
        seen = (time.monotonic() - stopped) * 1000
        text = c.cli(peers[0], 'status', check=False).stdout
        check('stalled' in text.lower(), f'status does not say it: {text}')
        look_on(c, STOP - (time.monotonic() - stopped), [
            ('it is not stalled all the time', lambda: state_of(c, peers[1], owner) == 'stalled'),
            ('a view changed', lambda: c.status(peers[0])['view']['epoch'] == before[peers[0]])])
        c.thaw(owner)
        for n in peers:
            c.wait(f'{n} to hear it again', lambda n=n: state_of(c, n, owner) == 'member')
        time.sleep(SETTLE)
        check(epochs(c) == before, f'views changed: {before}, {epochs(c)}')
        check(c.holders() == [owner], 'the group moved')
        never_two(w, since, w.now())
        for name in ('node-stalled', 'node-resumed'):
            check([e for e in c.events(peers[0], name)], f'no event {name}')
        silence = nothing_lost(c, w, since)
        return f'stalled after {seen:.0f} ms, no reply lost, longest silence {silence:.0f} ms'


def stalled_too_long(tag):
    """The same with a stall_timeout that is shorter: failover, and never two."""
    with cluster(tag, stall='300ms').up() as c:
        owner, w = ready(c)
        since = w.now()
        c.freeze(owner)
        stopped = time.monotonic()
        heir = heir_answers(c, w, owner)
        outage = w.outage_ms(since, w.now())
        check(owner in c.holders(), 'the stopped agent has not taken its address away: the kernel hides it')
        time.sleep(max(0.0, STOP - (time.monotonic() - stopped)))
        c.thaw(owner)
        c.wait('the thawed agent to let go', lambda: c.holders() == [heir])
        c.wait_stable()
        time.sleep(SETTLE)
        check(c.holders() == [heir], 'no storm after a stall')
        never_two(w, since, w.now())
        return f'outage {outage:.0f} ms, nobody else answered'


def killed_agent(tag):
    """kill -9 and nothing after it: the address is dark when the lease is over; a new agent joins."""
    with cluster(tag).up() as c:
        owner, w = ready(c)
        since = w.now()
        c.kill_agent(owner)
        heir = heir_answers(c, w, owner)
        outage = w.outage_ms(since, w.now())
        last = max(t for t, who in w.replies(since) if who == f'={owner}')
        check(owner in c.holders(), 'the address is still there: only the kernel hides it')
        time.sleep(1)  # no agent lives there
        check(w.answering(w.now() - 800000, w.now()) == [heir], 'who answers')
        c.start(owner)
        c.wait('one owner', lambda: c.holders() == [heir])
        c.wait_stable()
        path_on(c)
        never_two(w, since, w.now())
        c.cli(heir, 'group', 'move', 'web', owner, '--wait')  # and its kernel answers again
        c.wait('it to answer', lambda: w.answering(w.now() - 200000, w.now()) == [owner])
        never_two(w, since, w.now())
        return f'dark {(last - since) / 1000:.0f} ms after the kill, outage {outage:.0f} ms, nobody else answered'


def isolate(c, node, isolated=True):
    """The switch lets nothing of the cluster through, vectors or probes; clients still reach the node."""
    if not isolated:
        c.run_in('sw', 'nft', 'delete', 'table', 'bridge', 'isolated')
        return
    rules = [f'{way}name "p{node}-{k}" udp dport 7410 drop' for k in range(c.links) for way in ('iif', 'oif')]
    text = ['table bridge isolated {', 'chain cut {', 'type filter hook forward priority 0', *rules, '}', '}', '']
    sh('ip', 'netns', 'exec', c.ns('sw'), 'nft', '-f', '-', input='\n'.join(text))


def frozen_and_cut(tag):
    """With its agent frozen, a node that no peer reaches goes dark by itself, in sight of its clients."""
    with cluster(tag).up() as c:
        owner, w = ready(c)
        since = w.now()
        c.freeze(owner)
        peer = other(c, owner)
        c.wait('it to be stalled', lambda: state_of(c, peer, owner) == 'stalled')
        nothing_lost(c, w, since)
        isolate(c, owner)
        cut_done = w.now()
        heir = heir_answers(c, w, owner)
        last = max(t for t, who in w.replies(since) if who == f'={owner}')
        dark = (last - cut_done) / 1000
        check(dark <= LEASE_MS + SLOW_MS, f'it answered for {dark} ms, the lease is {LEASE_MS} ms')
        outage = w.outage_ms(cut_done, w.now())
        check(owner in c.holders(), 'its agent did nothing: it is the kernel that is silent')
        isolate(c, owner, False)
        time.sleep(SETTLE)
        check(w.answering(w.now() - 300000, w.now()) == [heir], 'mended, but frozen: what is over stays over')
        c.thaw(owner)
        c.wait('the thawed agent to let go', lambda: c.holders() == [heir])
        c.wait_stable()
        time.sleep(SETTLE)
        check(c.holders() == [heir], 'it stays where it is')
        never_two(w, since, w.now())
        return f'dark {dark:.0f} ms after the cut (lease {LEASE_MS} ms), outage {outage:.0f} ms, nobody else answered'


def stalled_granter(tag):
    """Third node down, second node's agent stopped: its kernel alone keeps the lease of the owner."""
    with cluster(tag).up() as c:
        owner, w = ready(c)
        granter, third = [n for n in c.names if n != owner]
        c.power_off(third)
        left = [owner, granter]
        for n in left:
            c.wait_members(n, left)
        before, granted = epochs(c, left), counter(c, granter, 'granted')
        since = w.now()
        c.freeze(granter)
        stopped = time.monotonic()
        c.wait('it to be stalled', lambda: state_of(c, owner, granter) == 'stalled')
        look_on(c, STOP - (time.monotonic() - stopped), [
            ('the lease was lost', lambda: c.status(owner)['lease_valid']),
            ('it is not stalled all the time', lambda: state_of(c, owner, granter) == 'stalled')])
        c.thaw(granter)
        c.wait('it to be heard', lambda: state_of(c, owner, granter) == 'member')
        time.sleep(SETTLE)
        check(epochs(c, left) == before, f'views changed: {before}, {epochs(c, left)}')
        check(c.holders() == [owner], 'the group moved')
        grants = counter(c, granter, 'granted') - granted
        check(grants > 10, f'only {grants} grants by the kernel of {granter}')
        silence = nothing_lost(c, w, since)
        return f'{grants} grants by a kernel alone, no reply lost, longest silence {silence:.0f} ms'


# ---- overload ----

def memory_hog_mb(most=2048):
    """A quarter of what is free, so that nothing is killed for it."""
    with open('/proc/meminfo', encoding='ascii') as f:
        free = next(int(x.split()[1]) for x in f if x.startswith('MemAvailable'))
    return min(most, free // 4096)


def start_load(c, seconds, loops=64):
    load = subprocess.Popen([build_helper('load'), str(loops), str(memory_hog_mb()), str(seconds)], stdout=subprocess.PIPE,
                            text=True, start_new_session=True)
    c.processes.append(load)
    check(load.stdout.readline() == 'loaded\n', 'no load')
    return load


OVERLOAD = 'interval = "20ms"; timeout = "100ms";'


def overload_run(c, seconds):
    """Owner, number of view changes and of owners' changes, longest silence in ms, replies of two at once in ms."""
    owner = c.wait_stable()
    w = watched(c)
    before, since = epochs(c), w.now()
    load = start_load(c, seconds)
    load.wait()
    after = w.now()
    time.sleep(SETTLE)
    c.wait_stable()
    views = max(e - before[n] for n, e in epochs(c).items())
    answered = w.answering(since, after)
    return {'views': views, 'failovers': len(answered) - 1, 'silence_ms': w.outage_ms(since, after),
            'both_ms': w.both_ms(since, after), 'owner': owner, 'lost': w.lost(since, after)}


def overload(tag):
    """64 busy loops at normal priority and a memory hog; tests/bench/overload is the long one, and compares."""
    c = cluster(tag, stall='5s', extra=OVERLOAD)
    with c.up():
        ready(c)
        r = overload_run(c, 5)
        check(r['failovers'] == 0 and r['views'] == 0, f'{r}')
        check(r['both_ms'] == 0, f"two answered for {r['both_ms']} ms")
        return f"no failover, no view change; longest silence {r['silence_ms']:.0f} ms, {r['lost'][0]} of {r['lost'][1]} replies late or lost"


# ---- bad input ----

def forge(c, where, *args):
    p = subprocess.Popen(['ip', 'netns', 'exec', c.ns(where), sys.executable, FORGE, *args], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True, start_new_session=True)
    c.processes.append(p)
    check(p.stdout.readline() in ('recorded\n', 'listening\n'), 'forge.py heard no probes')
    return p


def bad_probes(tag):
    """Spoofed, replayed, reflected, wrong in size and too many: nothing changes, all are counted, no third party hears."""
    with cluster(tag, stall='10s').up() as c:
        owner, w = ready(c)
        peer, victim = other(c, owner), owner
        number = {n: str(i) for i, n in enumerate(c.names)}
        times = 20
        send = forge(c, 'sw', 'send', f'p{victim}-0', c.macs[victim], f'{c.dir}/key', 'e2e', '7410', number[victim],
                     number[peer], '10.90.0.254', str(times))
        listen = {n: forge(c, 'sw', 'count', f'p{n}-0') for n in (peer, 'c')}
        before, counters, memory = epochs(c), c.status(victim)['kernel']['counters'], usage(c)
        refused = sum(c.status(victim)['counters']['refused'].values())
        lines, since = len(log_lines(c, victim)), w.now()
        begin(send)
        told = json.loads(send.communicate(timeout=60)[0])
        time.sleep(SETTLE)
        heard = {n: json.loads(p.communicate(timeout=60)[0].splitlines()[-1]) for n, p in listen.items()}
        check(epochs(c) == before and c.holders() == [owner], 'something happened')
        now = c.status(victim)['kernel']['counters']
        for reason, n in told['sent'].items():
            if reason == 'answers':  # go on to the agent
                more = sum(c.status(victim)['counters']['refused'].values()) - refused
                check(more >= n, f'{more} of {n} replayed answers refused')
            else:
                check(now[reason] - counters[reason] >= n, f'{reason}: {n} sent, {now[reason] - counters[reason]} counted')
        reasons = ('mac', 'key', 'version', 'cluster', 'size', 'sender', 'format', 'replay')
        total, counted = told['flood'] + sum(told['sent'].values()), sum(now[r] - counters[r] for r in reasons)
        check(counted >= (total - told['sent']['answers']) * 0.95, f'{counted} of {total} counted')
        check(not heard['c'], f'a third party heard {heard["c"]}')
        asked = heard[peer].get(f'{c.address(peer, 0)} {c.address(victim, 0)} 1', 0)
        answered = heard[peer].get(f'{c.address(victim, 0)} {c.address(peer, 0)} 2', 0)
        check(0 < answered <= asked + 1, f'{answered} answers to {asked} probes')
        check(now['grant'] - counters['grant'] < 1000 and now['refusal'] == counters['refusal'], f'grants {now}')
        never_two(w, since, w.now())
        silence = w.outage_ms(since, w.now())
        check(silence < 200, f'the service was silent for {silence} ms')
        grown, said = check_flat(memory, usage(c)), len(log_lines(c, victim)) - lines
        check(said <= 12, f'{said} log lines')
        return f'{total} bad probes, {counted} counted by reason; {answered} answers to {asked} genuine probes; +{grown} kB, {said} log lines'


# ---- without BPF, beside others, up and down ----

def start_refused(c, node):
    """Without the capabilities that BPF needs, as in a container."""
    drop = '-sys_admin,-bpf,-perfmon'
    c.agents[node] = c.spawn(node, ['setpriv', f'--bounding-set={drop}', f'--inh-caps={drop}', os.path.join(BIN, 'holdfastd'),
                                    '--config', f'{c.dir}/{node}/conf', '--node', node], f'{node}.log')


def bpf_refused(tag):
    """One node of three is not allowed BPF: it says why, works as before, and the others do not mind."""
    with cluster(tag).up(start=False) as c:
        start_refused(c, 'n1')
        for n in ('n2', 'n3'):
            c.start(n)
        owner, w = c.wait_stable(), watched(c)
        check(owner == 'n1', f'the owner is {owner}')
        kernel = c.status('n1')['kernel']
        check(kernel['state'] == 'refused' and kernel['reason'], f'status: {kernel}')
        check('CAP_BPF' in kernel['reason'], f'it does not say what is missing: {kernel["reason"]}')
        check(kernel['reason'] in text_of(c, 'n1.log'), 'the log does not say why')
        check('REFUSED' in c.cli('n1', 'status', check=False).stdout, 'status does not show it')
        path_on(c, ['n2', 'n3'])
        check(not filters(c, 'n1'), 'what was refused has left something')
        check('kernel path refused' in c.cli('n1', 'status', '-n', check=False).stdout, 'status -n')
        since = w.now()
        _, heir, outage, _ = failover(c, c.cut)
        never_two(w, since, w.now())
        c.wait('the loser to let go', lambda: c.holders() == [heir])
        c.mend('n1')
        c.wait_stable()
        before = epochs(c)
        c.freeze(heir)  # n1 sees by the vectors of n3's, and by its own probes, that it is merely stalled
        for n in c.names:
            if n != heir:
                c.wait(f'{n} to see it stalled', lambda n=n: state_of(c, n, heir) == 'stalled')
        time.sleep(1)
        c.thaw(heir)
        c.wait('it to be heard', lambda: state_of(c, 'n1', heir) == 'member')
        check(epochs(c) == before, 'a view changed')
        never_two(w, since, w.now())
        c.power_off(heir)
        c.wait_owner([n for n in c.names if n != heir])
        never_two(w, since, w.now())
        return f'"{kernel["reason"]}"; outage {outage:.0f} ms by a cut, stalled peers are seen'


def filters(c, node, interface='eth0'):
    """Our filters on an interface, as (way, name of the program, its id)."""
    out = []
    for way in ('ingress', 'egress'):
        text = sh('ip', 'netns', 'exec', c.ns(node), 'tc', '-j', 'filter', 'show', 'dev', interface, way, check=False).stdout
        for f in json.loads(text or '[]'):
            options = f.get('options', {})
            if options.get('handle') == HANDLE:
                out.append((way, options['bpf_name'].partition(':')[0], options['prog']['id']))
    return out


def foreign(c, node, interface='eth0'):
    """Packets that the filters of somebody else have seen."""
    seen = {}
    for way in ('ingress', 'egress'):
        rows = json.loads(c.run_in(node, 'tc', '-s', '-j', 'filter', 'show', 'dev', interface, way).stdout or '[]')
        seen[way] = sum(a['stats']['packets'] for f in rows if f['kind'] == 'u32'
                        for a in f.get('options', {}).get('actions', []))
    return seen


def mirror_port(c, node):
    """Somebody else's filters: all packets are copied to another interface."""
    c.run_in(node, 'ip', 'link', 'add', 'mirror', 'type', 'veth', 'peer', 'name', 'monitor')
    for interface in ('mirror', 'monitor'):
        c.run_in(node, 'ip', 'link', 'set', interface, 'up')
    c.run_in(node, 'tc', 'qdisc', 'add', 'dev', 'eth0', 'clsact')
    for way in ('ingress', 'egress'):
        c.run_in(node, 'tc', 'filter', 'add', 'dev', 'eth0', way, 'pref', '100', 'protocol', 'all', 'u32', 'match', 'u32', '0', '0',
                 'action', 'mirred', 'egress', 'mirror', 'dev', 'mirror')


def tc_neighbours(tag):
    """Filters of others go on; an agent is replaced while traffic flows; --kernel-detach leaves nothing of ours."""
    with cluster(tag).up(start=False) as c:
        mirror_port(c, 'n1')
        for n in c.names:
            c.start(n)
        owner, w = ready(c)
        check(owner == 'n1' and len(filters(c, owner)) == 2, f'filters {filters(c, owner)}')
        before, ids = foreign(c, owner), filters(c, owner)
        ping = subprocess.Popen(['ip', 'netns', 'exec', c.ns('c'), 'ping', '-q', '-i', '0.002', '-w', '8', c.address(owner, 0)],
                                stdout=subprocess.PIPE, text=True, start_new_session=True)
        c.processes.append(ping)
        since = w.now()
        c.kill_agent(owner)
        c.start(owner)
        c.wait_stable()
        path_on(c)
        now = filters(c, owner)
        check([f[:2] for f in now] == [f[:2] for f in ids], f'programs {ids}, now {now}')
        check({f[2] for f in now}.isdisjoint({f[2] for f in ids}), f'the programs were not replaced: {ids}, {now}')
        text = ping.communicate(timeout=60)[0]
        check(' 0% packet loss' in text, f'other traffic suffered: {text}')
        seen = foreign(c, owner)
        check(all(seen[way] > before[way] + 1000 for way in seen), f'a filter of others saw {before}, then {seen}')
        never_two(w, since, w.now())
        programs = detached(c)
        check(foreign(c, 'n1')['ingress'] >= seen['ingress'], 'the filter of others is gone')
        return f'{text.split("transmitted")[0].split()[-2]} pings through a restart, none lost; {programs} programs gone from the kernel'


def detached(c):
    """All agents end, then --kernel-detach. Returns how many programs are gone from the kernel."""
    ids = {f[2] for n in c.names for f in filters(c, n)}
    for n in c.names:
        c.signal(n, signal.SIGTERM, tree=False)
    for n in c.names:
        check(c.agents[n].wait(timeout=60) == 0, f'exit of {n}')
        check(len(filters(c, n)) == 2, 'programs go on without an agent')
        c.run_in(n, os.path.join(BIN, 'holdfastd'), '--kernel-detach')
        check(not filters(c, n), f'left on {n}: {filters(c, n)}')
        qdiscs = c.run_in(n, 'tc', 'qdisc', 'show', 'dev', 'eth0').stdout
        check(('clsact' in qdiscs) == (n == 'n1'), f'clsact of others stays, ours goes: {n}: {qdiscs}')

    def left():
        return [i for i in ids if sh('bpftool', 'prog', 'show', 'id', str(i), check=False).returncode == 0]
    c.wait('the programs to be gone from the kernel', lambda: not left())
    return len(ids)


def path_off(tag):
    """kernel_path = "off": nothing attached, no probes; a stopped agent is a silent one, as ever."""
    c = Cluster(tag=tag, extra='kernel_path = "off";')
    with c.up():
        owner, w = c.wait_stable(), watched(c)
        check(c.status(owner)['kernel']['state'] == 'off' and not filters(c, owner), 'something is attached')
        listen, since = forge(c, 'sw', 'count', f'p{owner}-0'), w.now()
        c.freeze(owner)
        heir = c.wait('another node to hold it', lambda: [n for n in c.holders() if n != owner])[0]
        check(state_of(c, heir, owner) != 'stalled', 'nobody can tell')
        time.sleep(1)
        both, thawed = w.both_ms(since, w.now()), w.now()
        c.thaw(owner)
        c.wait('the thawed agent to let go', lambda: c.holders() == [heir])
        c.wait_stable()
        time.sleep(SETTLE)
        adds = len([e for e in c.events(heir, 'group-starting') if e['group'] == 'web'])
        check(c.holders() == [heir] and adds <= 2, f'{adds} starts: a storm after a stall')
        probes = json.loads(listen.communicate(timeout=60)[0].splitlines()[-1])
        check(not probes, f'probes were sent: {probes}')
        return (f'no probes; a stopped agent: both answered {both:.0f} ms (accepted risk), '
                f'{w.both_ms(thawed, w.now()):.0f} ms after the thaw')


ALONE = [overload]  # times
ALL = [stalled_owner, stalled_granter, tc_neighbours, stalled_too_long, frozen_and_cut, killed_agent, bpf_refused, bad_probes,
       path_off]
