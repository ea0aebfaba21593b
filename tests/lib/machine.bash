# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Machines, made of namespaces, on this one:
#
#     the host ── site (PID, mount, network: a bridge)
#                  ├── machine test   (PID, mount, network, host name, root)
#                  ├── machine fast
#                  └── …
#
# A machine has the host's files as they are, under a layer of its own in memory:
# what is unpacked, written or "installed" in it is nowhere else, and gone with it.
# It sees only its own processes. The site's first process holds everything: when it
# ends, the kernel ends all that is in the site; and it ends with the script that
# began it, also when that one is killed.
#
# Needs root.

# shellcheck source=tests/lib/base.bash
source "${BASH_SOURCE[0]%/*}/base.bash"

# The network of a site. It is in a namespace of its own, so it may be taken elsewhere.
site_net=10.77.0
declare -gA machine_pid=()

child_of() { # PID: its only child, which may not be there yet
	local child=''
	{ read -r child _ <"/proc/$1/task/$1/children"; } 2>/dev/null || true
	[[ $child ]] && echo "$child"
}

has_child() { # PID
	[[ $(child_of "$1") ]]
}

# site_begin: sets $site_pid, the pid of its first process.
site_begin() {
	[[ $(id -u) == 0 ]] || fail "namespaces with processes to patch need root" || return
	need_commands ip nsenter setpriv unshare || return
	mkdir -p "$work/site"
	start site setpriv --pdeathsig KILL unshare --pid --fork --kill-child=KILL --mount --mount-proc --net --ipc \
		"$top/tests/lib/machine_init" site "$work/site" "$site_net"
	local holder=$pid
	wait_until 300 test -e "$work/site/ready" || fail "the site does not begin: $(<"$work/site.out")" || return
	site_pid=$(child_of "$holder")
}

# Commands in the site's network, with the host's files and processes.
site_do() { # COMMAND...
	nsenter -t "$site_pid" --net -- "$@"
}

# As `start`, in the site's network.
site_start() { # NAME COMMAND...
	local name=$1
	shift
	start "$name" nsenter -t "$site_pid" --net -- "$@"
}

# machine_begin NAME NUMBER [TREE]...: a machine at $site_net.NUMBER with the contents
# of the folders TREE over the host's files.
machine_begin() {
	local name=$1 number=$2 holder base=$work/machine.$1
	shift 2
	mkdir -p "$base"
	start "machine-$name" setpriv --pdeathsig KILL nsenter -t "$site_pid" --pid --mount --net --ipc -- \
		unshare --pid --fork --kill-child=KILL --mount --net --uts --ipc \
		"$top/tests/lib/machine_init" machine "$base" "$site_net" "$name" "$@"
	holder=$pid
	wait_until 300 test -s "$base.ready" || fail "machine $name does not begin: $(<"$work/machine-$name.out")" || return
	# nsenter, its child that is unshare, and that one's child.
	holder=$(child_of "$holder") && machine_pid[$name]=$(child_of "$holder") || return
	site_do ip link add "$name" type veth peer name eth0 netns "${machine_pid[$name]}"
	site_do ip link set "$name" master lan up
	machine_do "$name" sh -c "ip link set lo up && ip addr add $site_net.$number/24 dev eth0 && ip link set eth0 up"
}

# Commands in a machine, as somebody who is logged in there.
machine_do() { # NAME COMMAND...
	local name=$1
	shift
	nsenter -t "${machine_pid[$name]}" --all --root --wdns=/ -- \
		env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 "$@"
}

# machine_start NAME SERVICE COMMAND...: in the background. $pid is a process outside
# that waits for it; `inner_pid` is the command's, as the host numbers it.
machine_start() {
	local name=$1 service=$2
	shift 2
	start "$name-$service" nsenter -t "${machine_pid[$name]}" --all --root --wdns=/ -- \
		env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}

# The pid, in the host's numbers, of what machine_start or site_start began.
inner_pid() { # NAME-SERVICE
	wait_until 300 has_child "$(<"$work/$1.pid")" && child_of "$(<"$work/$1.pid")"
}

# Puts files into a machine, owned by root.
machine_put() { # NAME FOLDER FILE...
	local name=$1 folder=$2 each
	shift 2
	machine_do "$name" mkdir -p "$folder"
	for each; do
		machine_do "$name" sh -c "cat >'$folder/${each##*/}'" <"$each"
		[[ ! -x $each ]] || machine_do "$name" chmod 755 "$folder/${each##*/}"
	done
}

# Enters packages in a machine's list of installed ones; what they contain comes with
# the machine's trees.
machine_packages() { # NAME DEB...
	local name=$1 each
	shift
	for each; do
		dpkg-deb -f "$each" | sed '1a Status: install ok installed'
		echo
	done | machine_do "$name" sh -c 'cat >>/var/lib/dpkg/status'
}

site_end() {
	[[ ${site_pid:-} ]] || return 0
	kill -KILL "$site_pid" 2>/dev/null || true
	wait_until 60 site_is_gone || true
	site_pid='' machine_pid=()
}

site_is_gone() {
	! is_alive "$site_pid"
}
