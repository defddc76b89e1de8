# SPDX-License-Identifier: GPL-3.0-or-later
# fish completion for holdfast(8); installed as /usr/share/fish/vendor_completions.d/holdfast.fish

function __holdfast_names --argument-names kind
    holdfast $kind list 2>/dev/null | awk 'NR > 1 { print $1 }'
end

function __holdfast_words --description 'what stands before the cursor and is no option'
    set -l words (commandline -opc | string match -v -- '-*')
    set -e words[1]
    printf '%s\n' $words
end

function __holdfast_at --description 'whether the command so far is exactly these words'
    set -l words (__holdfast_words)
    test "$words" = "$argv"
end

function __holdfast_in --description 'whether the command begins with these words'
    set -l words (__holdfast_words)
    string match -q -- "$argv *" "$words "
end

complete -c holdfast -f
complete -c holdfast -l json -d 'print JSON for programs'
complete -c holdfast -l socket -r -F -d 'socket of the agent'
complete -c holdfast -s h -l host -x -d 'ask the agent of this server'
complete -c holdfast -l no-color -d 'no colours'
complete -c holdfast -l help -d 'show help'
complete -c holdfast -n '__holdfast_at' -l version -d 'print the version'

complete -c holdfast -n '__holdfast_at' -a status -d 'verdict and state of the cluster'
complete -c holdfast -n '__holdfast_at' -a group -d 'start, stop, move and list groups'
complete -c holdfast -n '__holdfast_at' -a resource -d 'start, stop and list resources'
complete -c holdfast -n '__holdfast_at' -a monitor -d 'suspend, resume, fail and list monitors'
complete -c holdfast -n '__holdfast_at' -a server -d 'start, stop, shut down, reboot and list servers'
complete -c holdfast -n '__holdfast_at' -a cluster -d 'start, stop, suspend, resume, shut down, reboot'
complete -c holdfast -n '__holdfast_at' -a script -d 'run a script on a server'
complete -c holdfast -n '__holdfast_at script' -a run
complete -c holdfast -n '__holdfast_in script run' -l timeout -x -d 'end it after this time'
complete -c holdfast -n '__holdfast_in script run' -l log -r -d 'append its output to this file'
complete -c holdfast -n '__holdfast_at' -a toratio -d 'multiply timeouts for a time'
complete -c holdfast -n '__holdfast_at' -a events -d 'what the agents did and saw'
complete -c holdfast -n '__holdfast_at' -a simulate -d 'what would happen'
complete -c holdfast -n '__holdfast_at' -a drill -d 'a real failover test of a group'
complete -c holdfast -n '__holdfast_at' -a explain -d 'the last failover step by step'
complete -c holdfast -n '__holdfast_at' -a fence -d 'switch servers off, test what does it'
complete -c holdfast -n '__holdfast_at' -a config -d 'check, apply, compare and show the configuration'
complete -c holdfast -n '__holdfast_at' -a import -d 'configuration of CLUSTERPRO X'
complete -c holdfast -n '__holdfast_at' -a keygen -d 'create a heartbeat key'
complete -c holdfast -n '__holdfast_at' -a version -d 'print the version'
complete -c holdfast -n '__holdfast_at' -a help -d 'show help'

complete -c holdfast -n '__holdfast_in status' -s s -l summary -d 'servers, heartbeats, groups, monitors'
complete -c holdfast -n '__holdfast_in status' -s g -l groups -d 'group map'
complete -c holdfast -n '__holdfast_in status' -s n -l heartbeats -d 'heartbeat map'
complete -c holdfast -n '__holdfast_in status' -s m -l monitors -d 'monitor map'
complete -c holdfast -n '__holdfast_in status' -s i -l info -d configuration
complete -c holdfast -n '__holdfast_in status' -l cl -d 'of the configuration the cluster'
complete -c holdfast -n '__holdfast_in status' -l sv -a '(__holdfast_names server)' -d 'the servers'
complete -c holdfast -n '__holdfast_in status' -l hb -d 'the heartbeats'
complete -c holdfast -n '__holdfast_in status' -l grp -a '(__holdfast_names group)' -d 'the groups'
complete -c holdfast -n '__holdfast_in status' -l rsc -a '(__holdfast_names resource)' -d 'the resources'
complete -c holdfast -n '__holdfast_in status' -l mon -a '(__holdfast_names monitor)' -d 'the monitors'
complete -c holdfast -n '__holdfast_in status' -l xcl -d 'the exclusion rules'
complete -c holdfast -n '__holdfast_in status' -l detail -d 'settings and counters'
complete -c holdfast -n '__holdfast_in status' -l local -d 'as this node sees it'
complete -c holdfast -n '__holdfast_in status' -l long -d 'do not cut long names'
complete -c holdfast -n '__holdfast_in status' -l watch -d 'show it again every 2 seconds'

complete -c holdfast -n '__holdfast_at group' -a 'start stop move list'
complete -c holdfast -n '__holdfast_at resource' -a 'start stop list'
complete -c holdfast -n '__holdfast_at monitor' -a 'suspend resume fail unfail list'
complete -c holdfast -n '__holdfast_at server' -a 'start stop shutdown reboot list'
complete -c holdfast -n '__holdfast_at cluster' -a 'start stop suspend resume shutdown reboot'
complete -c holdfast -n '__holdfast_at toratio' -a 'set reset show'
complete -c holdfast -n '__holdfast_at fence' -a 'status test off on reset cycle history confirm'
complete -c holdfast -n '__holdfast_in fence status' -l long -d 'do not cut long names'
complete -c holdfast -n '__holdfast_in fence status' -l watch -d 'show it again every 2 seconds'
complete -c holdfast -n '__holdfast_in fence history' -s n -l lines -x -d 'only the newest'
complete -c holdfast -n '__holdfast_in fence history' -l detail -d 'with the steps of each device'
complete -c holdfast -n '__holdfast_in fence confirm' -l i-checked-that-it-is-off -d 'you did, at the machine'
complete -c holdfast -n '__holdfast_at config' -a 'check apply export diff show'
complete -c holdfast -n '__holdfast_at config check' -F
complete -c holdfast -n '__holdfast_at config apply' -F
complete -c holdfast -n '__holdfast_at config export' -F
complete -c holdfast -n '__holdfast_in config apply' -s y -l yes -d 'do not ask'
complete -c holdfast -n '__holdfast_in config apply' -l stop-groups -d 'stop groups whose resources change'
complete -c holdfast -n '__holdfast_in config apply' -l dry-run -d 'show what would change'
complete -c holdfast -n '__holdfast_in config apply' -l offline -d 'where no agent runs'
complete -c holdfast -n '__holdfast_in config apply' -l config -r -F -d 'with --offline: the file that is replaced'
complete -c holdfast -n '__holdfast_in config export' -s y -l yes -d 'replace the file'
complete -c holdfast -n '__holdfast_at import' -a clp.conf
complete -c holdfast -n '__holdfast_at import clp.conf' -F
complete -c holdfast -n '__holdfast_in import' -s o -l output -r -F -d 'into this new file'
complete -c holdfast -n '__holdfast_at keygen' -F
complete -c holdfast -n '__holdfast_at help' -a 'status group resource monitor server cluster toratio events explain fence simulate drill script config import keygen version'

for sub in start stop move list
    complete -c holdfast -n "__holdfast_at group $sub" -a '(__holdfast_names group)'
end
for sub in start stop list
    complete -c holdfast -n "__holdfast_at resource $sub" -a '(__holdfast_names resource)'
end
for sub in suspend resume fail unfail list
    complete -c holdfast -n "__holdfast_at monitor $sub" -a '(__holdfast_names monitor)'
end
for sub in start stop shutdown reboot list
    complete -c holdfast -n "__holdfast_at server $sub" -a '(__holdfast_names server)'
end
for sub in status test off on reset cycle history confirm
    complete -c holdfast -n "__holdfast_at fence $sub" -a '(__holdfast_names server)'
end
for sub in off reset cycle
    complete -c holdfast -n "__holdfast_in fence $sub" -s y -l yes -d 'do not ask'
end
for sub in test off on reset cycle
    complete -c holdfast -n "__holdfast_in fence $sub" -l timeout -x -d 'give up waiting after so many seconds'
end
complete -c holdfast -n '__holdfast_at drill' -a '(__holdfast_names group)'
complete -c holdfast -n '__holdfast_at explain' -a '(__holdfast_names group)'
set -l __holdfast_monitor 'monitor suspend' 'monitor resume' 'monitor fail' 'monitor unfail'
set -l __holdfast_ending 'server stop' 'server shutdown' 'server reboot' 'cluster stop' 'cluster shutdown' 'cluster reboot'
for place in 'group start' 'group stop' 'group move' 'resource start' 'resource stop' 'server start' \
    'cluster start' 'cluster suspend' 'cluster resume' 'toratio set' 'toratio reset' \
    $__holdfast_monitor $__holdfast_ending
    complete -c holdfast -n "__holdfast_in $place" -l wait -d 'show progress until it is done'
    complete -c holdfast -n "__holdfast_in $place" -l timeout -x -d 'give up waiting after so many seconds'
end
for place in $__holdfast_ending
    complete -c holdfast -n "__holdfast_in $place" -s y -l yes -d 'do not ask'
end
for place in 'resource start' $__holdfast_monitor
    complete -c holdfast -n "__holdfast_in $place" -l server -x -a '(__holdfast_names server)' -d 'on this server only'
end

complete -c holdfast -n '__holdfast_in events' -s f -l follow -d 'go on with new events'
complete -c holdfast -n '__holdfast_in events' -l since -x -d 'only events after this number'
complete -c holdfast -n '__holdfast_in events' -s n -l lines -x -d 'only the newest'
complete -c holdfast -n '__holdfast_in events' -l severity -x -a 'info notice warning error' -d 'only what is at least so bad'
complete -c holdfast -n '__holdfast_in simulate' -l down -x -d 'these servers lose power'
complete -c holdfast -n '__holdfast_in simulate' -l cut -x -d 'these two do not hear each other'
complete -c holdfast -n '__holdfast_in simulate' -l leave -x -d 'these servers are stopped'
complete -c holdfast -n '__holdfast_in simulate' -l fail -x -d 'these monitors fail'
complete -c holdfast -n '__holdfast_in simulate' -l config -r -d 'with this configuration'
complete -c holdfast -n '__holdfast_in simulate' -l program-time -x -d 'each program takes so long'
complete -c holdfast -n '__holdfast_in simulate' -l for -x -d 'stop after so much time'
complete -c holdfast -n '__holdfast_in simulate' -l state -r -d 'from a saved state'
complete -c holdfast -n '__holdfast_in simulate' -l save -r -d 'only save the state'
complete -c holdfast -n '__holdfast_in drill' -l by -xa "move monitor server hand" -d 'how the fault is made'
complete -c holdfast -n '__holdfast_in drill' -l monitor -x -d 'this monitor'
complete -c holdfast -n '__holdfast_in drill' -l back -d 'move the group back afterwards'
complete -c holdfast -n '__holdfast_in drill' -l force -d 'also when not healthy'
complete -c holdfast -n '__holdfast_in drill' -l yes -d 'do not ask'
complete -c holdfast -n '__holdfast_in drill' -l timeout -x -d 'limit of a step'
complete -c holdfast -n '__holdfast_in explain' -l event -x -d 'the failover around this event'
complete -c holdfast -n '__holdfast_in keygen' -l rotate -d 'put a fresh key in front'
