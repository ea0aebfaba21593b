# SPDX-License-Identifier: Apache-2.0
# Sweeps: a command is killed at each point between two changes that it makes to a
# process, which must go on rightly, and the next command must find its way.

# The victim's counts: no wrong answer, no register or stack changed; a killed tool
# may have left an EINTR to a sleeper, once for each kill at most.
unharmed() {
	local counts
	counts=$(ask c)
	[[ $counts =~ "wrong 0 broken 0 woken "([0-9]+)$ && ${BASH_REMATCH[1]} -le $1 ]] || {
		echo "$counts"
		return 1
	}
}

# usage: sweep STRIDE EXPECTED-ANSWERS COMMAND...
# Kill COMMAND at each STRIDE-th step in a victim of its own, which `before` has
# prepared; then `after` must succeed, and the answer be as it says.
sweep() {
	local stride=$1 step result end
	shift
	for ((step = 1; step < 1000; step += stride)); do
		start_victim live-steady 4
		before
		result=$("$built/live-killer" "$step" "$@" --pid "$pid" | tail -n 1)
		[[ $(ask a) =~ ^(7|43|99)$ ]] || {
			echo "step $step of $*: answers $(ask a)"
			return 1
		}
		after >"$BATS_TEST_TMPDIR/after" || {
			echo "step $step of $*: afterwards"
			cat "$BATS_TEST_TMPDIR/after"
			return 1
		}
		unharmed 4 || {
			echo "step $step of $*"
			return 1
		}
		stop_victim
		[[ $result == killed ]] || break
	done
	echo "$result"
	[[ $result == "ended 0 "* ]]
	# The sweep was one: the command makes that many changes.
	end=${result##* }
	((end >= 10))
}

# The second hotpatch for the same victim.
make_second() {
	second=$BATS_TEST_TMPDIR/second.hotpatch
	printf 'int answer(int x);\nint answer(int x) { return x + 93; }\n' \
		>"$BATS_TEST_TMPDIR/second.c"
	cc -O2 -fPIC -c -o "$BATS_TEST_TMPDIR/second.o" "$BATS_TEST_TMPDIR/second.c"
	"$built/live-compose" "$second" "$built/live-steady" "$BATS_TEST_TMPDIR/second.o" answer
}

# Apply it, prove it, take it out.
apply_and_revert() {
	"$suture" apply --pid "$pid" "$1" && [[ $(ask a) == "$2" ]] &&
		"$suture" verify --pid "$pid" "$1" &&
		"$suture" revert --pid "$pid" "$1" && [[ $(ask a) == 7 ]]
}

# usage: sweep_victim STRIDE
# The victim is killed at each STRIDE-th step of apply; the tool must say so, or that
# it was done before, and end.
sweep_victim() {
	local step result
	for ((step = 1; step < 1000; step += $1)); do
		start_victim live-steady 4
		result=$(VICTIM=$pid timeout 300 "$built/live-killer" "$step" "$suture" apply --json \
			--pid "$pid" "$first")
		kill_victim
		pid=
		if [[ $result == *"ended 0 "* ]]; then
			[[ $result == *'"outcome": "patched"'* ]] || return 1
		else
			[[ $result == *"ended 5 "* && $result == *'"outcome": "gone"'* ]] || {
				echo "step $step: $result"
				return 1
			}
		fi
		((${result##* } >= step)) || return 0
	done
}

sweep_apply() {
	before() { :; }
	after() { apply_and_revert "$first" 43; }
	sweep "$1" "$suture" apply "$first"
}

sweep_apply_then_revert() {
	before() { :; }
	after() {
		"$suture" revert --pid "$pid" "$first"
		[[ $(ask a) == 7 ]] && apply_and_revert "$first" 43
	}
	sweep "$1" "$suture" apply "$first"
}

sweep_revert() {
	before() { "$suture" apply --pid "$pid" "$first"; }
	after() {
		"$suture" revert --pid "$pid" "$first" && [[ $(ask a) == 7 ]] &&
			apply_and_revert "$first" 43
	}
	sweep "$1" "$suture" revert "$first"
}

sweep_apply_again() {
	before() {
		"$suture" apply --pid "$pid" "$first"
		"$suture" revert --pid "$pid" "$first"
	}
	after() { apply_and_revert "$first" 43; }
	sweep "$1" "$suture" apply "$first"
}

sweep_replace() {
	before() { "$suture" apply --pid "$pid" "$first"; }
	after() { apply_and_revert "$second" 99; }
	sweep "$1" "$suture" apply "$second"
}

sweep_replace_then_back() {
	before() { "$suture" apply --pid "$pid" "$first"; }
	after() { apply_and_revert "$first" 43; }
	sweep "$1" "$suture" apply "$second"
}

# usage: sweep_part WHOM STRIDE ANSWER
# At each STRIDE-th step of apply, only the worker or only its parent is killed. Then the
# victim must answer as ANSWER says, the rest of the command end, and apply complete.
sweep_part() {
	local step result
	for ((step = 1; step < 1000; step += $2)); do
		start_victim live-steady 4
		result=$(WHOM=$1 timeout 300 "$built/live-killer" "$step" "$suture" apply --json \
			--pid "$pid" "$first")
		[[ $(ask a) =~ ^($3)$ ]] || {
			echo "step $step: answers $(ask a)"
			return 1
		}
		((${result##* } >= step)) || break
		[[ $1 == parent || ($result == *"ended 5 "* &&
			$result == *"the worker was ended by signal 9"*) ]] || {
			echo "step $step: $result"
			return 1
		}
		apply_and_revert "$first" 43 >"$BATS_TEST_TMPDIR/after" && unharmed 4 || {
			echo "step $step: afterwards"
			cat "$BATS_TEST_TMPDIR/after"
			return 1
		}
		stop_victim
	done
	kill_victim
	pid=
	[[ $result == *"ended 0 "* ]]
	((step >= 10))
}

# usage: sweep_twice STRIDE STRIDE
# Apply is killed, then the apply or the revert that is to repair that, too.
sweep_twice() {
	local step next command result
	for ((step = 1; step < 1000; step += $1)); do
		for ((next = 1; next < 1000; next += $2)); do
			start_victim live-steady 4
			result=$("$built/live-killer" "$step" "$suture" apply --pid "$pid" "$first")
			command=$(((step + next) % 2))
			[[ $command == 0 ]] && command=apply || command=revert
			repair=$("$built/live-killer" "$next" "$suture" "$command" --pid "$pid" \
				"$first" 2>&1)
			[[ $(ask a) =~ ^(7|43)$ ]] && apply_and_revert "$first" 43 \
				>"$BATS_TEST_TMPDIR/after" && unharmed 8 || {
				echo "steps $step and $next of $command:"
				cat "$BATS_TEST_TMPDIR/after"
				return 1
			}
			stop_victim
			[[ $repair == *killed ]] || break
		done
		[[ $result == *killed ]] || break
	done
	[[ $result == *"ended 0 "* ]]
	((step >= 10))
}
