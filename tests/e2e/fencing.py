# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that fence each other, by BMCs and a power strip of their own network (power.py). What is asserted of each takeover:
the former owner was off before the heir answered anybody, and two nodes never answered at once."""
import os
import random
import signal
import time

from lib import sh
from power import Powered
from scenarios import check, never_two

BENCH = int(os.environ.get('REPS', '0'))
QUICK = 'login_timeout = "1"; power_timeout = "2"; workaround_flags = "opensesspriv";'  # of a BMC that may be dead


def ready(c, nodes=None):
    """In one view, the group online, all devices checked. The owner."""
    owner = c.wait_stable()
    for n in nodes or c.names:
        c.wait(f'{n} to know all devices', lambda n=n: all(f['check'] != 'Unknown' for f in (c.status(n) or {'fencing': [{'check': 'Unknown'}]})['fencing']))
    return owner


def watched(c):
    w = c.watch or c.start_watch()
    c.wait('replies', lambda: w.replies(w.now() - 200000))
    return w


def other(c, node):
    return next(n for n in c.names if n != node)


def fencing(c, node, target):
    """The order's row as `holdfast status` has it."""
    return next((f for f in (c.status(node) or {'fencing': []})['fencing'] if f['server'] == target), None)


def first_reply(c, node, since):
    return next((t for t, who in c.watch.replies(since) if who == '=' + node), None)


def taken_over(c, owner, since, among=None):
    """Waits until another node serves, and checks that it had the proof. The heir, and the outage in ms."""
    heir = c.wait_owner(among or [n for n in c.names if n != owner])
    c.wait('the heir to answer', lambda: first_reply(c, heir, since))
    off = [t for t in c.offs(owner) if t > since]
    check(off, f'{heir} took over, but {owner} was never off: {c.power_log(owner)}')
    check(first_reply(c, heir, since) > off[0] - 10000, f'{heir} answered before {owner} was off')  # 10 ms: of /proc/uptime
    outage = c.watch.outage_ms(since, c.watch.now())
    never_two(c.watch, since, c.watch.now())
    return heir, outage


def come_back(c, owner, heir, since):
    """Switched on again, it joins, and nobody notices."""
    c.wait(f'{owner} to be switched on', lambda: [x for x in c.power_log(owner) if x[1] == 'on' and x[0] > since])
    before = c.watch.now()
    ready(c)
    check(c.holders() == [heir], 'the group must stay where it is')
    outage = c.watch.outage_ms(before, c.watch.now())
    check(outage < 150, f'an outage of {outage} ms when {owner} joined')
    never_two(c.watch, since, c.watch.now())


def not_taken_over(c, owner, seconds):
    """Looks on for a while. Nobody else has or announces the address."""
    since, end = c.watch.now(), time.monotonic() + seconds
    while time.monotonic() < end:
        check(not [n for n in c.holders() if n != owner], f'taken over without a proof: {c.holders()}')
        time.sleep(0.02)
    check(set(c.watch.answering(since, c.watch.now())) <= {owner}, 'another node answered')


def failed_order(c, node, target):
    return c.wait(f'{node} to say that {target} cannot be fenced',
                  lambda: (fencing(c, node, target) or {}).get('state') == 'failed')


# ---- two nodes, the interconnect is cut ----

def race_once(c):
    """Exactly one survives, and it is the owner. How long nobody answered, the time to off, and what went wrong."""
    w, owner = c.watch, c.holders()[0]
    loser = other(c, owner)
    time.sleep(random.random() * 0.1)  # any phase of the beats
    since = w.now()
    c.cut_interconnect()
    c.wait('a node to be fenced', lambda: [n for n in c.names for t in c.offs(n) if t > since])
    c.wait('the survivor to know it', lambda: all([t for t in c.offs(n) if t > since] for n in c.names) or  # there is none
           any((fencing(c, n, other(c, n)) or {}).get('off') for n in c.names))
    offs = {n: [t for t in c.offs(n) if t > since] for n in c.names}
    if all(offs.values()):  # nobody is left to switch the other on
        for n in c.names:
            c.come_up_now(n)
    elif not offs[owner]:  # the one that was shot must not shoot back when it boots alone: X4
        c.wait(f'{loser} to boot', lambda: c.agents[loser].poll() is None and c.status(loser))
    c.cut_interconnect(up=True)
    ready(c)
    now = w.now()
    offs = {n: [t for t in c.offs(n) if t > since] for n in c.names}
    return {'owner': owner, 'outage': w.outage_ms(since, now), 'off': (min(min(o) for o in offs.values() if o) - since) / 1000,
            'survived': not offs[owner] and len(offs[loser]) == 1, 'mutual': all(offs.values()), 'both': w.both_ms(since, now),
            'owns': c.holders() == [owner]}


def race(tag, reps=2):
    """Two nodes and fencing only: exactly one survives, and owns the group."""
    with Powered(tag=tag, fencing='priority_delay = "2s";').up() as c:
        ready(c)
        rows = []
        watched(c)
        for k in range(reps):
            if k % 2:  # the higher of the two owns it: what it does is not only a matter of order
                c.cli('n1', 'group', 'move', 'web', other(c, c.holders()[0]), '--wait')
                ready(c)
            rows.append(race_once(c))
            r = rows[-1]
            if BENCH:
                print(f'{k + 1}: {r}', flush=True)
            else:
                check(r['survived'] and r['owns'] and not r['mutual'] and r['both'] == 0, f'{r}; {c.power_log("n1")}, {c.power_log("n2")}')
        return summary(rows)


def summary(rows):
    def most(key):
        values = sorted(r[key] for r in rows)
        return f'{values[len(values) // 2]:.0f} ms (most {values[-1]:.0f})'
    return (f'{len(rows)} cuts: the owner survived {sum(r["survived"] and r["owns"] for r in rows)}, mutual kills '
            f'{sum(r["mutual"] for r in rows)}, double answers {sum(r["both"] > 0 for r in rows)}, off after {most("off")}, '
            f'longest silence {most("outage")}')


# ---- an owner that is gone ----

def owner_dies(tag):
    """Two nodes; the owner halts with its power on: fenced, taken over, switched on again, joins."""
    with Powered(tag=tag).up() as c:
        owner = ready(c)
        w = watched(c)
        since = w.now()
        c.crash(owner)
        heir, outage = taken_over(c, owner, since)
        come_back(c, owner, heir, since)
        orders = c.bmc[owner].orders()  # one that was not answered in time is repeated
        check(orders[-1] == 'power 1' and set(orders[:-1]) == {'power 0'}, f'{orders}')
        check(not c.offs(heir), 'and nobody else was fenced')
        return f'outage {outage:.0f} ms, joined again'


def owner_frozen(tag):
    """Of the agent, then of all processes: fenced first, then taken over."""
    with Powered(tag=tag, extra='stall_timeout = "1s";', fencing='priority_delay = "1s";').up() as c:
        ready(c)
        w, outages = watched(c), []
        for whole in (False, True):
            owner, since = c.holders()[0], w.now()
            if whole:
                for pid in sh('ip', 'netns', 'pids', c.ns(owner)).stdout.split():
                    os.kill(int(pid), signal.SIGSTOP)
            else:
                c.freeze(owner)
            heir, outage = taken_over(c, owner, since)
            outages.append(f'{outage:.0f}')
            come_back(c, owner, heir, since)
        return f'agent, all processes: outage {", ".join(outages)} ms'


def majority_fences(tag):
    """Three nodes, the owner alone is cut off: the others fence it at once."""
    with Powered(nodes=3, tag=tag, fencing='priority_delay = "20s";').up() as c:
        owner = ready(c)
        w = watched(c)
        since = w.now()
        c.port(owner, 1, False)
        heir, outage = taken_over(c, owner, since)
        off = (c.offs(owner)[0] - since) / 1000
        check(off < 15000, f'{owner} was fenced only after {off} ms: a majority needs no delay')
        check(not any(c.offs(n) for n in c.names if n != owner), 'and nobody else was fenced')
        c.wait(f'{owner} to boot', lambda: c.agents[owner].poll() is None and c.status(owner))
        come_back(c, owner, heir, since)
        return f'off after {off:.0f} ms, outage {outage:.0f} ms'


# ---- devices that fail ----

def with_strip(c):
    c.devices['pdu'] = c.strip()
    for n in c.names:
        k = 2 * int(n[1:]) - 2
        c.devices[f'bmc-{n}'] = c.ipmi(n, timeout='3s', more=QUICK)
        c.levels[n] = [[f'bmc-{n}'], [f'pdu:{k}', f'pdu:{k + 1}']]
    return c


def second_level(tag):
    """The BMC died with its server: both outlets of the power strip are switched off, then it is taken over."""
    with with_strip(Powered(tag=tag, fencing='retries = 0;')).up() as c:
        owner = ready(c)
        w = watched(c)
        c.bmc[owner].die()
        since = w.now()
        c.crash(owner)
        heir, outage = taken_over(c, owner, since)
        come_back(c, owner, heir, since)  # with both outlets on again
        return f'outage {outage:.0f} ms with a dead BMC'


def all_fails(tag):
    """Nothing answers: no takeover, everybody is told so, and a person's word ends it."""
    c = Powered(tag=tag, fencing='retries = 0; retry_wait = "30s";')
    for n in c.names:
        c.devices[f'bmc-{n}'] = c.ipmi(n, timeout='3s', more=QUICK)
    with c.up():
        owner = ready(c)
        heir = other(c, owner)
        watched(c)
        c.bmc[owner].die()
        c.crash(owner)
        failed_order(c, heir, owner)
        not_taken_over(c, owner, 1)
        r = c.cli(heir, 'fence', 'status', check=False)
        check(r.returncode == 1 and 'FAILED' in r.stdout and owner in r.stdout, f'fence status: {r}')
        r = c.cli(heir, 'status', check=False)
        check('FAILED' in r.stdout or 'fenc' in r.stdout, f'status: {r.stdout}')
        r = c.cli(heir, 'explain', 'web', check=False)
        check('fenc' in r.stdout and owner in r.stdout, f'explain: {r.stdout}')
        check([e for e in c.events(heir) if e['name'] == 'fence-exhausted'], 'no event tells that every level has failed')
        r = c.cli(heir, 'fence', 'confirm', owner, check=False)
        check(r.returncode != 0 and not c.has_address(heir), f'without the long option: {r}')
        since = c.watch.now()
        c.cli(heir, 'fence', 'confirm', owner, '--i-checked-that-it-is-off')
        c.wait_owner([heir])
        took = (c.watch.now() - since) / 1000
        check([e for e in c.events(heir) if e['name'] == 'fence-by-person'], 'a person\'s word is an event')
        c.wait('the heir to answer', lambda: first_reply(c, heir, since))
        return f'nothing for a while, then {took:.0f} ms after a person\'s word'


def liar(tag):
    """A BMC that says ok while its server stays on: no takeover by it. Once it is honest again it is tried again."""
    c = Powered(tag=tag, fencing='retries = 0; retry_wait = "1s";')
    for n in c.names:
        c.devices[f'bmc-{n}'] = c.ipmi(n, timeout='3s', more=QUICK)
    with c.up():
        owner = ready(c)
        w = watched(c)
        c.bmc[owner].behave('lie')
        since = w.now()
        c.crash(owner)
        failed_order(c, other(c, owner), owner)
        check('power 0' in c.bmc[owner].orders(), 'it was never ordered')
        not_taken_over(c, owner, 1)
        c.bmc[owner].behave('honest')
        heir, outage = taken_over(c, owner, since)
        come_back(c, owner, heir, since)
        return f'no takeover by a lie; outage {outage:.0f} ms until it was true'


def ipmilan(tag):
    """The fence-agents package's fence_ipmilan as a device."""
    c = Powered(tag=tag)
    for n in c.names:
        c.devices[f'bmc-{n}'] = c.ipmi(n, timeout='20s', agent='fence_ipmilan', more='lanplus = "1"; power_wait = "0";')
    with c.up():
        owner = ready(c)
        w = watched(c)
        since = w.now()
        c.crash(owner)
        heir, outage = taken_over(c, owner, since)
        come_back(c, owner, heir, since)
        return f'outage {outage:.0f} ms'


# ---- nobody is fenced ----

def leaves_in_order(tag):
    """One of two stops in good order, then the owner: no answer is lost, and nobody is fenced."""
    with Powered(tag=tag).up() as c:
        owner = ready(c)
        heir, w = other(c, owner), watched(c)
        since = w.now()
        c.agents[heir].send_signal(signal.SIGTERM)
        c.agents[heir].wait(30)
        c.wait_members(owner, [owner])
        time.sleep(1)  # nothing happens
        lost, asked = w.lost(since, w.now())
        check(lost <= 2, f'{lost} of {asked} answers were lost')  # those under way at the edges
        c.start(heir)
        ready(c)
        since = w.now()
        c.agents[owner].send_signal(signal.SIGTERM)
        c.agents[owner].wait(30)
        c.wait_owner([heir])
        c.wait('the heir to answer', lambda: first_reply(c, heir, since))
        outage = w.outage_ms(since, w.now())
        never_two(w, since, w.now())
        check(not c.offs('n1') + c.offs('n2') and not any(b.orders() for b in c.bmc.values()), 'somebody was fenced')
        return f'{asked - lost} of {asked} answered; the owner left: outage {outage:.0f} ms'


def boots_alone(tag):
    """Both are off, one is switched on: it fences nobody and waits, until a person says that the other is off."""
    with Powered(tag=tag).up() as c:
        ready(c)
        watched(c)
        for n in c.names:
            c.freeze(n)  # or the last one would fence the first
        for n in c.names:
            c.die(n)
        c.come_up_now('n1')
        c.wait('n1 to be up', lambda: c.status('n1'))
        not_taken_over(c, None, 2)
        check(not c.bmc['n2'].orders(), 'it fenced on boot')
        c.cli('n1', 'fence', 'confirm', 'n2', '--i-checked-that-it-is-off')
        c.wait_owner(['n1'])
        c.come_up_now('n2')
        ready(c)
        check(c.holders() == ['n1'], 'the group must stay where it is')
        check(not any(b.orders() for b in c.bmc.values()), 'somebody was fenced')
        return 'waited for a person'


ALL = [race, owner_frozen, second_level, all_fails, liar, ipmilan, owner_dies, majority_fences, boots_alone, leaves_in_order]

if __name__ == '__main__':  # make bench-fence-race
    print(race('-', BENCH))
