# SPDX-License-Identifier: GPL-3.0-or-later
# bash completion for holdfast(8); installed as /usr/share/bash-completion/completions/holdfast

_holdfast_names() {	# group | resource | monitor | server, as the agent knows them
	holdfast "$1" list 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_holdfast() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local common="--json --socket --host -h --no-color --help"
	local words=() word skip= options= view= i
	COMPREPLY=()

	# What stands before the cursor and is no option.
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $skip ]]; then
			skip=
		else
			case $word in
			--socket|--host|-h|--output|-o|--timeout|--since|--lines|-n|--severity|--event|--server)
				[[ $word = -n && ${words[0]-} = status ]] || skip=1 ;;
			-*) view=$word ;;
			*) words+=("$word") ;;
			esac
		fi
	done

	case $prev in
	--socket|--output|-o) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--severity) mapfile -t COMPREPLY < <(compgen -W "info notice warning error" -- "$cur"); return ;;
	--server|--host|-h) mapfile -t COMPREPLY < <(compgen -W "$(_holdfast_names server)" -- "$cur"); return ;;
	--timeout|--since|--lines|--event) return ;;
	-n) [[ ${words[0]-} = status ]] || return ;;
	esac

	case "${words[0]-} ${words[1]-}" in
	"status "*) options="--summary --groups --heartbeats --monitors --info --cl --sv --hb --grp --rsc --mon --xcl --detail --local --long --watch -s -g -n -m -i" ;;
	"group list"|"server list"|"resource list"|"monitor list"|"toratio show") ;;
	"resource start"|"monitor "*) options="--wait --timeout --server" ;;
	"server start"|"cluster start"|"cluster suspend"|"cluster resume") options="--wait --timeout" ;;
	"server "*|"cluster "*) options="--wait --timeout --yes -y" ;;
	"group "*|"resource stop"|"toratio "*) options="--wait --timeout" ;;
	"events "*) options="--follow --since --lines --severity -f -n" ;;
	"explain "*) options="--event" ;;
	"fence status") options="--long --watch" ;;
	"fence test"|"fence on") options="--timeout" ;;
	"fence off"|"fence reset"|"fence cycle") options="--yes -y --timeout" ;;
	"fence history") options="--lines -n --detail" ;;
	"fence confirm") options="--i-checked-that-it-is-off" ;;
	"import "*) options="--output" ;;
	"simulate "*) options="--down --cut --leave --fail --config --program-time --for --state --save" ;;
	"script run") options="--timeout --log" ;;
	"drill "*) options="--by --monitor --back --force --yes --timeout" ;;
	"config apply") options="--yes -y --stop-groups --dry-run --offline --config" ;;
	"config export") options="--yes -y" ;;
	"keygen "*) options="--rotate" ;;
	" ") options="--version" ;;
	esac
	if [[ $cur = -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options $common" -- "$cur")
		return
	fi

	word=
	case "${#words[@]} ${words[*]:0:2}" in
	"0 ") word="status group resource monitor server cluster toratio events explain fence simulate drill script config import keygen version help" ;;
	"1 group") word="start stop move list" ;;
	"1 resource") word="start stop list" ;;
	"1 monitor") word="suspend resume fail unfail list" ;;
	"1 server") word="start stop shutdown reboot list" ;;
	"1 cluster") word="start stop suspend resume shutdown reboot" ;;
	"1 toratio") word="set reset show" ;;
	"1 script") word="run" ;;
	"1 fence") word="status test off on reset cycle history confirm" ;;
	"1 status")
		case $view in
		--sv) word=$(_holdfast_names server) ;;
		--grp) word=$(_holdfast_names group) ;;
		--rsc) word=$(_holdfast_names resource) ;;
		--mon) word=$(_holdfast_names monitor) ;;
		esac ;;
	"1 config") word="check apply export diff show" ;;
	"1 import") word="clp.conf" ;;
	"1 help") word="status group resource monitor server cluster toratio events explain fence simulate drill script config import keygen version" ;;
	"1 explain"|"1 drill"|"2 group "*) word=$(_holdfast_names group) ;;
	"2 resource "*) word=$(_holdfast_names resource) ;;
	"2 monitor "*) word=$(_holdfast_names monitor) ;;
	"2 server "*|"2 fence "*|"2 config diff"|"3 group start"|"3 group move") word=$(_holdfast_names server) ;;
	"1 keygen"|"2 config check"|"2 config apply"|"2 config export"|"2 import clp.conf") mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	*) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
}

complete -F _holdfast holdfast
