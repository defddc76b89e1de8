# SPDX-License-Identifier: GPL-3.0-or-later
"""Each scenario breaks something, asserts who answers on the floating IP, and returns a line of figures."""
import os
import signal
import time

from lib import BIN, Cluster, Failure, VIP, VIP6, sh

SETTLE = 0.5  # seconds of undisturbed service to look at, where "nothing happens" is the point


def check(condition, what):
    if not condition:
        raise Failure(what)


def never_two(w, since, until):
    both = w.both_ms(since, until)
    check(both == 0, f'two nodes answered at once for {both} ms')


def failover(c, fault, **kw):
    """Injects `fault(owner)` and waits until another node alone serves. Returns owner, heir, outage, since."""
    owner = c.wait_stable()
    w = c.watch or c.start_watch()
    c.wait('replies', lambda: w.replies(w.now() - 200000))
    since = w.now()
    fault(owner)
    others = [n for n in c.names if n != owner]

    def heir():
        h = [n for n in c.holders() if n in others]
        seen = w.answering(w.now() - 200000, w.now())
        return h[0] if len(h) == 1 and h[0] in seen else None
    new = c.wait('another node to answer', heir)
    return owner, new, w.outage_ms(since, w.now()), since


def cut(tag):
    with Cluster(tag=tag).up() as c:
        owner, heir, outage, since = failover(c, c.cut)
        c.mend(owner)
        c.wait_stable()
        check(c.holders() == [heir], 'the group must stay where it is')
        never_two(c.watch, since, c.watch.now())
        return f'outage {outage:.0f} ms, nobody else answered'


def blocked_port(tag):
    with Cluster(tag=tag).up() as c:
        owner, heir, outage, since = failover(c, c.block)
        c.wait('the loser to let go', lambda: c.holders() == [heir])
        c.block(owner, False)
        c.wait_stable()
        never_two(c.watch, since, c.watch.now())
        return f'outage {outage:.0f} ms'


def kill_node(tag):
    with Cluster(tag=tag).up() as c:
        owner, _, outage, since = failover(c, c.power_off)
        never_two(c.watch, since, c.watch.now())
        c.boot(owner)
        c.wait_stable()
        never_two(c.watch, since, c.watch.now())
        return f'outage {outage:.0f} ms, rebooted and rejoined'


def kill_agent(tag):
    """The agent alone dies, without the kernel path: its address stays. Counted, not asserted."""
    with Cluster(tag=tag, extra='kernel_path = "off";').up() as c:
        owner, _, outage, since = failover(c, c.kill_agent)
        both = c.watch.both_ms(since, c.watch.now())
        restarted = c.watch.now()
        c.start(owner)
        c.wait_stable()
        end = c.watch.now()
        c.wait('one owner', lambda: len(c.holders()) == 1)
        return f'outage {outage:.0f} ms; both answered {both + c.watch.both_ms(restarted, end):.0f} ms (accepted risk)'


def partition(tag):
    """The owner on the minority side."""
    with Cluster(nodes=5, tag=tag).up() as c:
        owner, heir, outage, since = failover(c, lambda o: (c.block(o), c.block(other(c, o))))
        c.wait('the minority to let go', lambda: c.holders() == [heir])
        for n in c.names:
            c.block(n, False)
        c.wait_stable()
        never_two(c.watch, since, c.watch.now())
        return f'outage {outage:.0f} ms'


def other(c, node):
    return next(n for n in c.names if n != node)


def minority_keeps_nothing(tag):
    with Cluster(tag=tag).up() as c:
        owner = c.wait_stable()
        w = c.start_watch()
        for n in c.names:
            if n != owner:
                c.power_off(n)
        c.wait('the lone node to let go', lambda: not c.holders())
        s = c.status(owner)
        check(not s['quorate'] and s['verdict']['level'] in ('unprotected', 'down'), f"verdict {s['verdict']}")
        check(c.cli(owner, 'status', check=False).returncode in (2, 3), 'exit code of status')
        back = other(c, owner)
        start = w.now()
        c.boot(back)
        c.wait_owner()
        return f'service back {(w.now() - start) / 1000:.0f} ms after a second node booted'


def one_way(tag):
    with Cluster(tag=tag).up() as c:
        owner = c.wait_stable()
        w = c.start_watch()
        c.wait('replies', lambda: w.replies(w.now() - 200000))
        since = w.now()
        deaf, not_heard = [n for n in c.names if n != owner]
        before = c.status(owner)['view']['epoch']
        c.deafen(deaf, not_heard)
        c.wait('the view to lose one of them', lambda: len(c.status(owner)['view']['members']) == 2)
        time.sleep(2)
        views = len({e['epoch'] for e in c.events(owner, 'view-installed') if e['epoch'] > before})
        check(views == 1, f'{views} view changes for one fault')
        check(c.holders() == [owner], 'the owner is not concerned')
        states = [s['state'] for s in c.status(owner)['servers']]
        check('isolated' in states, f'nobody is shown as isolated: {states}')
        c.hear(deaf)
        c.wait_stable()
        never_two(w, since, w.now())
        return f'one view change, longest silence {w.outage_ms(since, w.now()):.0f} ms'


def deaf_owner(tag):
    """The owner hears nobody, all hear it: it must go, once."""
    with Cluster(tag=tag).up() as c:
        owner, heir, outage, since = failover(c, c.deafen)
        c.wait('the deaf node to let go', lambda: c.holders() == [heir])
        c.hear(owner)
        c.wait_stable()
        never_two(c.watch, since, c.watch.now())
        return f'outage {outage:.0f} ms'


def flapping_link(tag):
    with Cluster(tag=tag).up() as c:
        owner = c.wait_stable()
        w = c.start_watch()
        c.wait('replies', lambda: w.replies(w.now() - 200000))
        since = w.now()
        bad = [n for n in c.names if n != owner][1]

        def quarantined():
            c.block(bad)
            c.wait('it to be out', lambda: bad not in c.status(owner)['view']['members'])
            c.block(bad, False)
            return c.wait('it to be back or in quarantine', lambda: bad in c.status(owner)['view']['members'] or
                          state_of(c, owner, bad) == 'quarantined') and state_of(c, owner, bad) == 'quarantined'
        flaps = 0
        while not quarantined():
            flaps += 1
            check(flaps < 10, 'no quarantine')
        check(c.holders() == [owner], 'the owner is not concerned')
        c.cli(owner, 'server', 'start', bad, '--wait')
        c.wait_stable()
        never_two(w, since, w.now())
        return f'quarantined after {flaps + 1} departures, released by command, silence {w.outage_ms(since, w.now()):.0f} ms'


def state_of(c, at, node):
    return next(s['state'] for s in c.status(at)['servers'] if s['name'] == node)


def one_of_two_links(tag):
    with Cluster(links=2, tag=tag).up() as c:
        owner = c.wait_stable()
        w = c.start_watch()
        c.wait('replies', lambda: w.replies(w.now() - 200000))
        since = w.now()
        epoch = c.status(owner)['view']['epoch']
        c.cut(owner, 1)
        watcher = other(c, owner)
        c.wait('the link to be shown down', lambda: any(
            k['status'] == 'Error' for s in c.status(watcher)['servers'] if s['name'] == owner for k in s['links']))
        time.sleep(SETTLE)
        check(c.status(owner)['view']['epoch'] == epoch, 'the view changed')
        check(c.holders() == [owner], 'the group moved')
        c.mend(owner, 1)
        c.wait('the link to be shown up', lambda: all(
            k['status'] == 'Normal' for s in c.status(watcher)['servers'] if s['name'] == owner for k in s['links']))
        never_two(w, since, w.now())
        return f'no failover, longest silence {w.outage_ms(since, w.now()):.0f} ms'


def coordinator_lost(tag):
    """The coordinator dies while another node owns the group: no failover."""
    with Cluster(tag=tag).up() as c:
        c.wait_stable()
        coordinator = c.status('n1')['view']['coordinator']
        target = other(c, coordinator)
        c.cli('n1', 'group', 'move', 'web', target, '--wait')
        check(c.wait_stable() == target, 'moved')
        w = c.start_watch()
        c.wait('replies', lambda: w.replies(w.now() - 200000))
        since = w.now()
        c.power_off(coordinator)
        left = [n for n in c.names if n != coordinator]
        for n in left:
            c.wait_members(n, left)
        time.sleep(SETTLE)
        check(c.holders() == [target] or c.wait_owner(left) == target, 'the group moved')
        outage = w.outage_ms(since, w.now())
        check(outage < 200, f'service was silent for {outage} ms')
        return f'group undisturbed, longest silence {outage:.0f} ms'


def all_lost_and_back(tag):
    with Cluster(tag=tag).up() as c:
        c.wait_stable()
        c.cli('n2', 'group', 'stop', 'web', '--wait')
        c.wait('the group to stop', lambda: not c.holders())
        for n in c.names:
            c.power_off(n)
        for n in c.names:
            c.boot(n)
        for n in c.names:
            c.wait_members(n, c.names)
        time.sleep(SETTLE)
        check(not c.holders(), 'an accepted stop was forgotten')
        start = time.monotonic()
        c.cli('n3', 'group', 'start', 'web', '--wait')
        owner = c.wait_owner()
        return f'stop remembered; started on {owner} in {(time.monotonic() - start) * 1000:.0f} ms'


def orderly_stop(tag):
    """SIGTERM moves the group first; no lease is waited for."""
    with Cluster(detection='2s', tag=tag).up() as c:
        owner, heir, outage, since = failover(c, lambda o: c.signal(o, signal.SIGTERM, tree=False))
        c.wait('the agent to exit', lambda: c.agents[owner].poll() is not None)
        check(c.agents[owner].returncode == 0, f'exit {c.agents[owner].returncode}')
        check(not c.events(heir, 'node-silent'), 'a leaver was taken for dead')
        check(outage < 2000, f'outage {outage} ms: the lease was waited for')
        never_two(c.watch, since, c.watch.now())
        return f'outage {outage:.0f} ms at 2 s detection'


def commands(tag):
    with Cluster(tag=tag).up() as c:
        owner = c.wait_stable()
        w = c.start_watch()
        since = w.now()
        target = other(c, owner)
        c.cli(owner, 'group', 'move', 'web', target, '--wait')
        check(c.holders() == [target], 'group move')
        moved = w.outage_ms(since + 200000, w.now())
        c.cli(target, 'server', 'stop', target, '--wait', '--yes')
        check(c.wait_owner([n for n in c.names if n != target]), 'server stop')
        c.wait('it to be offline', lambda: state_of(c, owner, target) == 'left')
        c.cli(owner, 'server', 'start', target, '--wait')
        c.wait_stable()
        for args, code in ((('group', 'move', 'nothing'), 1), (('group', 'start', 'web', 'n9'), 1),
                           (('server', 'stop', 'n9', '--yes'), 1), (('group', 'frob', 'web'), 64)):
            r = c.cli(owner, *args, check=False)
            check(r.returncode == code and r.stderr.strip(), f'{args}: exit {r.returncode}: {r.stderr}')
        never_two(w, since, w.now())
        return f'moved with {moved:.0f} ms of silence'


def exec_group(tag):
    groups = '''( {{ name = "web"; nodes = [ "n1", "n2", "n3" ]; accept_agent_enforced_lease = true; resources = (
  {{ type = "fip"; name = "fip1"; address = "{vip}/24"; check = "100ms"; }},
  {{ type = "fip"; name = "fip6"; address = "{vip6}/64"; check = "100ms"; }},
  {{ type = "exec"; name = "app"; depends = [ "fip1" ]; start = [ "{d}/app", "start" ]; stop = [ "{d}/app", "stop" ];
     start_timeout = "10s"; stop_timeout = "10s"; }} ); }} )'''
    c = Cluster(tag=tag)
    c.groups = groups.format(vip=VIP, vip6=VIP6, d=c.dir)
    app = f'{c.dir}/app'
    with open(app, 'w', encoding='ascii') as f:
        f.write(f'#!/bin/sh\necho "$1 $CLP_EVENT $CLP_SERVER $CLP_GROUPNAME $CLP_RESNAME" >>{c.dir}/app.log\n'
                f'ip -4 -o addr show | grep -q "{VIP}/" || exit 3\n')
    os.chmod(app, 0o755)
    with c.up():
        owner, heir, outage, since = failover(c, c.power_off)
        c.wait('both addresses on the heir', lambda: VIP6 in sh('ip', '-n', c.ns(heir), '-6', '-o', 'addr').stdout)
        log = open(f'{c.dir}/app.log', encoding='ascii').read().splitlines()
        check('start START HOME web app' in log, f'first start: {log}')
        check('start FAILOVER OTHER web app' in log, f'failover: {log}')
        check(c.run_in('c', 'ping', '-6', '-c', '1', '-W', '5', VIP6).returncode == 0, 'IPv6')
        never_two(c.watch, since, c.watch.now())
        text = c.cli(heir, 'explain', 'web').stdout
        check(heir in text and 'ms' in text, f'explain: {text}')
        return f'outage {outage:.0f} ms, environment and order right, IPv6 answers'


def failing_exec(tag):
    groups = '''( {{ name = "web"; nodes = [ "n1", "n2", "n3" ]; accept_agent_enforced_lease = true; resources = (
  {{ type = "fip"; name = "fip1"; address = "{vip}/24"; check = "50ms"; }},
  {{ type = "exec"; name = "app"; depends = [ "fip1" ]; start = [ "{d}/app", "start" ]; stop = [ "{d}/app", "stop" ];
     start_timeout = "1s"; stop_timeout = "10s"; }} ); }} )'''
    c = Cluster(tag=tag)
    c.groups = groups.format(vip=VIP, d=c.dir)
    with open(f'{c.dir}/app', 'w', encoding='ascii') as f:  # fails on n1, hangs on n2, works on n3
        f.write('#!/bin/sh\n[ "$1" = stop ] && exit 0\nip -4 -o addr show | grep -q "10.90.0.1/" && exit 7\n'
                'ip -4 -o addr show | grep -q "10.90.0.2/" && sleep 1000\nexit 0\n')
    os.chmod(f'{c.dir}/app', 0o755)
    with c.up():
        check(c.wait_owner(['n3']), 'the third node takes it')
        c.wait('group online', lambda: any(g['status'] == 'Online' for g in c.status('n1')['groups']))
        text = ' '.join(e['message'] for e in c.events('n1'))
        check('exit status 7' in text, 'the reason of the failure is not in the events')
        return 'failed on n1, timed out on n2, runs on n3'


def address_removed(tag):
    with Cluster(tag=tag).up() as c:
        owner = c.wait_stable()
        sh('ip', '-n', c.ns(owner), 'addr', 'del', f'{VIP}/24', 'dev', 'eth0')
        c.wait('the address to be back', lambda: c.holders() == [owner])
        c.wait('an event', lambda: c.events(owner, 'fip-repaired'))
        return 'put back by the owner'


def duplicate_address(tag):
    """A stranger has the address: a clear failure, everywhere, and no wandering."""
    c = Cluster(tag=tag)
    with c.up(start=False):
        sh('ip', '-n', c.ns('c'), 'addr', 'add', f'{VIP}/24', 'dev', 'eth0')
        for n in c.names:
            c.start(n)
        c.wait('the group to fail', lambda: any(g['status'] == 'Error' for g in (c.status('n1') or {}).get('groups', [])))
        check(not c.holders(), 'the address must not be taken')
        failures = c.events('n1', 'resource-start-failed')
        check(any(VIP in e['message'] for e in failures), f'no clear reason: {[e["message"] for e in failures]}')
        sh('ip', '-n', c.ns('c'), 'addr', 'del', f'{VIP}/24', 'dev', 'eth0')
        c.cli('n2', 'group', 'start', 'web', '--wait')
        return f'refused on all nodes; started on {c.wait_owner()} after it was gone'


def config_mismatch(tag):
    c = Cluster(tag=tag)
    with c.up(start=False):
        c.write_config('n3', c.config_text('n3').replace('check = "100ms"', 'check = "150ms"'))
        for n in c.names:
            c.start(n)
        c.wait_stable()
        c.wait('the difference to be shown', lambda: any(s['config_differs'] for s in c.status('n1')['servers']))
        check('n3' in c.cli('n1', 'status', check=False).stdout, 'status')
        c.signal('n2', signal.SIGTERM, tree=False)
        c.agents['n2'].wait()
        c.write_config('n2', c.config_text('n2').replace('name = "n1"', 'name = "nx"').replace('"n1"', '"nx"'))
        c.start('n2')
        c.wait('a node with another node list to be kept out', lambda: state_of(c, 'n1', 'n2') == 'mismatch')
        c.wait_members('n1', ['n1', 'n3'])
        return 'a difference is shown; another node list is kept out'


def wrong_key(tag):
    c = Cluster(tag=tag)
    with c.up(start=False):
        sh(os.path.join(BIN, 'holdfast'), 'keygen', f'{c.dir}/other')
        c.write_config('n3', c.config_text('n3').replace(f'{c.dir}/key', f'{c.dir}/other'))
        for n in c.names:
            c.start(n)
        c.wait_owner(['n1', 'n2'])
        c.wait_members('n1', ['n1', 'n2'])
        c.wait('the refusals to be counted', lambda: sum(c.status('n1')['counters']['refused'].values()) > 10)
        os.chmod(f'{c.dir}/key', 0o644)
        c.signal('n2', signal.SIGTERM, tree=False)
        c.agents['n2'].wait()
        c.start('n2')
        code = c.agents['n2'].wait(timeout=60)
        check(code not in (0, 1), f'a readable key must be refused, exit {code}')
        return f'kept out and counted; a key that others can read ends the start (exit {code})'


def key_rotation(tag):
    with Cluster(tag=tag).up() as c:
        owner = c.wait_stable()
        epoch = c.status(owner)['view']['epoch']
        sh(os.path.join(BIN, 'holdfast'), 'keygen', '--rotate', f'{c.dir}/key')
        # the file is shared here: everybody reads it, first one, then the others
        for n in c.names:
            c.signal(n, signal.SIGHUP, tree=False)
            time.sleep(0.1)
        time.sleep(SETTLE)
        check(c.status(owner)['view']['epoch'] == epoch, 'a view was lost')
        return 'no view change'


def clock_step(tag):
    c = Cluster(tag=tag)
    shim = f'{c.dir}/clockstep.so'
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'clockstep.c')
    sh('gcc', '-shared', '-fPIC', '-O2', '-D_GNU_SOURCE', '-o', shim, source, '-ldl')
    step = f'{c.dir}/step'
    with open(step, 'w', encoding='ascii') as f:
        f.write('0')
    c.env.update(LD_PRELOAD=shim, CLOCKSTEP_FILE=step)
    with c.up():
        owner = c.wait_stable()
        w = c.start_watch()
        c.wait('replies', lambda: w.replies(w.now() - 200000))
        epoch = c.status(owner)['view']['epoch']
        before = c.status(owner)['now_wall_us']
        since = w.now()
        for seconds in (86400, -86400):
            with open(step, 'w', encoding='ascii') as f:
                f.write(str(seconds))
            c.wait('the agent to see the step',
                   lambda s=seconds: abs(c.status(owner)['now_wall_us'] - before - s * 1000000) < 3600 * 1000000)
            time.sleep(SETTLE)
        check(c.status(owner)['view']['epoch'] == epoch and c.holders() == [owner], 'something happened')
        never_two(w, since, w.now())
        return f'a day forth and two back: nothing happened, longest silence {w.outage_ms(since, w.now()):.0f} ms'


def two_agents(tag):
    with Cluster(tag=tag).up() as c:
        owner = c.wait_stable()
        second = c.spawn(owner, [f'{BIN}/holdfastd', '--config', f'{c.dir}/{owner}/conf', '--node', owner], 'second.log')
        code = second.wait(timeout=60)
        text = open(f'{c.dir}/second.log', encoding='utf-8').read()
        check(code == 75 and str(c.agents[owner].pid) in text, f'exit {code}: {text}')
        check(c.holders() == [owner], 'what runs goes on')
        return 'the second one is refused and names the first'


def damaged_files(tag):
    with Cluster(tag=tag).up() as c:
        c.wait_stable()
        c.signal('n3', signal.SIGTERM, tree=False)
        c.agents['n3'].wait()
        path = f'{c.dir}/n3/state/state'
        good = open(path, 'rb').read()
        with open(path, 'wb') as f:
            f.write(bytes(b ^ 0x5a for b in good))
        c.start('n3')
        code = c.agents['n3'].wait(timeout=60)
        text = open(f'{c.dir}/n3.log', encoding='utf-8').read()
        check(code == 65 and os.path.dirname(path) in text and 'damaged' in text, f'exit {code}: {text}')
        check(open(path, 'rb').read() != good, 'it must not be reset silently')
        with open(path, 'wb') as f:
            f.write(good)
        c.start('n3')
        c.wait_stable()
        return f'refused with exit {code}; joins again with the file restored'


def witness(tag):
    with Cluster(witnesses=['n3'], tag=tag).up() as c:
        owner, heir, outage, since = failover(c, c.power_off)
        check('n3' not in (owner, heir), 'a witness never hosts')
        never_two(c.watch, since, c.watch.now())
        return f'outage {outage:.0f} ms with two servers and a witness'


def survivors_tell(tag):
    """The survivors have the events of the dead node."""
    with Cluster(tag=tag).up() as c:
        owner = c.wait_stable()
        c.wait('its events to be copied', lambda: any(
            e['origin'] == owner for e in c.events(other(c, owner), 'group-online')))
        c.power_off(owner)
        heir = c.wait_owner([n for n in c.names if n != owner])
        c.wait('the story', lambda: c.cli(heir, 'explain', 'web').stdout)
        events = [e for e in c.events(heir) if e['origin'] == owner]
        return f'{len(events)} events of the dead node; explain has {len(c.cli(heir, "explain", "web").stdout.splitlines())} lines'


def thirty_two(tag):
    c = Cluster(nodes=32, detection='3s', tag=tag, extra='startup_wait = "60s";')
    with c.up():
        c.wait('32 members', lambda: (c.status('n1') or {}).get('view') and len(c.status('n1')['view']['members']) == 32, 180)
        c.wait_owner()
        owner, _, outage, since = failover(c, c.power_off)
        memory = max(c.memory_kb(n) for n in c.names if n != owner)
        never_two(c.watch, since, c.watch.now())
        return f'outage {outage:.0f} ms at 3 s detection, at most {memory / 1024:.1f} MB resident'


ALONE = [cut, blocked_port, kill_node, kill_agent, partition, deaf_owner, one_of_two_links, coordinator_lost, orderly_stop,
         thirty_two]  # times, and one that takes both cores
ALL = [wrong_key, minority_keeps_nothing, one_way, flapping_link, all_lost_and_back, commands, exec_group, failing_exec,
       address_removed, duplicate_address, config_mismatch, key_rotation, clock_step, two_agents, damaged_files, witness,
       survivors_tell]
