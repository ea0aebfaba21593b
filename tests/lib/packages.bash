# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Real packages, old and new, without installing any: which versions there are
# (in the archive and in the cache), downloading by `apt-get download`,
# unpacking, and the libraries that an unpacked program misses here.
#
# SUTURE_DEBS names the cache folder.

# shellcheck source=tests/lib/base.bash
source "${BASH_SOURCE[0]%/*}/base.bash"

debs=${SUTURE_DEBS:-${XDG_CACHE_HOME:-$HOME/.cache}/suture/debs}

# What the archive offers, asked once a day: apt takes half a second to answer.
archive_versions() { # NAME
	local answer=$debs/$1.versions
	mkdir -p "$debs"
	if [[ ! $(find "$answer" -mmin -1440 -size +0 2>/dev/null) ]]; then
		apt-cache madison "$1" 2>/dev/null |
			awk -F' *[|] *' '/Packages/ { print $2 }' >"$answer.$$"
		mv "$answer.$$" "$answer"
	fi
	cat "$answer"
}

cached_versions() { # NAME
	local file
	for file in "$debs/$1"_*_"$(dpkg --print-architecture)".deb; do
		[[ -e $file ]] || continue
		file=${file##*/}
		file=${file#*_}
		file=${file%_*}
		printf '%s\n' "${file//%3a/:}"
	done
}

# Versions of a package, newest first: of the archive and of the cache, so that
# a second run needs no network.
deb_versions() { # NAME
	{ archive_versions "$1"; cached_versions "$1"; } | sort_versions
}

# Newest first, each once.
sort_versions() {
	local version i
	local -a sorted=()
	while read -r version; do
		[[ $version && " ${sorted[*]} " != *" $version "* ]] || continue
		for ((i = ${#sorted[@]}; i > 0; i--)); do
			dpkg --compare-versions "$version" gt "${sorted[i - 1]}" || break
			sorted[i]=${sorted[i - 1]}
		done
		sorted[i]=$version
	done
	((${#sorted[@]} == 0)) || printf '%s\n' "${sorted[@]}"
}

# Without epoch and Debian revision.
upstream_version() { # VERSION
	local version=${1#*:}
	printf '%s\n' "${version%-*}"
}

# deb_pair NAME: prints the oldest and the newest version of the newest
# upstream release, or says why there is no pair. An archive index that was
# never loaded is loaded first where we may.
deb_pair() {
	local newest version oldest=''
	local -a versions
	mapfile -t versions < <(deb_versions "$1")
	if ((${#versions[@]} < 2)) && [[ $(id -u) == 0 && ! ${deb_updated:-} ]]; then
		apt-get -qq update >/dev/null 2>&1 || true
		deb_updated=1
		mapfile -t versions < <(deb_versions "$1")
	fi
	((${#versions[@]})) ||
		fail "package $1: neither the archive (apt-cache madison $1; is its index loaded?) nor $debs has any version" ||
		return
	newest=${versions[0]}
	for version in "${versions[@]:1}"; do
		[[ $(upstream_version "$version") != "$(upstream_version "$newest")" ]] || oldest=$version
	done
	[[ $oldest ]] ||
		fail "package $1: only one version of its newest release is to be had ($newest), and a pair is needed" ||
		return
	printf '%s %s\n' "$oldest" "$newest"
}

deb_path() { # NAME VERSION [ARCH]
	printf '%s/%s_%s_%s.deb\n' "$debs" "$1" "${2//:/%3a}" "${3:-$(dpkg --print-architecture)}"
}

# deb_download FOLDER WORD...: apt-get there, three times where the network wants it; what the
# archive does not have it does not have the next time either. What it says is in FOLDER/log.
deb_download() {
	local i
	for i in 1 2 3; do
		(cd "$1" && apt-get "${@:2}") >"$1/log" 2>&1 && return
		! grep -qE '404 |[Uu]nable to locate|was not found' "$1/log" || return
		sleep $((i * 5))
	done
	return 1
}

# deb_fetch NAME VERSION: prints the path of the package, downloaded if need be.
deb_fetch() {
	local path folder options=(-o Acquire::Retries=5)
	path=$(deb_path "$1" "$2")
	[[ ! -s $path ]] || { printf '%s\n' "$path"; return; }
	mkdir -p "$debs"
	folder=$(mktemp -d "$debs/.download.XXXXXX")
	# apt drops its rights for the download and could not write there.
	[[ $(id -u) != 0 ]] || options+=(-o APT::Sandbox::User=root)
	if ! deb_download "$folder" "${options[@]}" -qq download "$1=$2"; then
		fail "cannot download $1=$2: $(tail -n 2 "$folder/log" | tr '\n' ' ')"
		rm -rf "$folder"
		return 1
	fi
	# An architecture-independent package has another name than asked for.
	path=$debs/$(basename "$folder"/*.deb)
	mv "$folder"/*.deb "$path"
	rm -rf "$folder"
	printf '%s\n' "$path"
}

# deb_fetch_both NAME [OLD NEW]: fetches the pair of versions that the caller
# knows, where it is still to be had, else the pair that deb_pair finds. Sets
# old_deb and new_deb, and known_pair to 1 or nothing.
# shellcheck disable=SC2034 # they are for the caller
deb_fetch_both() {
	local versions
	known_pair=''
	if [[ ${2:-} ]] && old_deb=$(deb_fetch "$1" "$2" 2>/dev/null) &&
		new_deb=$(deb_fetch "$1" "$3" 2>/dev/null); then
		known_pair=1
		return
	fi
	versions=$(deb_pair "$1") || return
	old_deb=$(deb_fetch "$1" "${versions% *}") || return
	new_deb=$(deb_fetch "$1" "${versions#* }") || return
}

deb_version() { # DEB
	dpkg-deb -f "$1" Version
}

deb_unpack() { # FOLDER DEB...
	local folder=$1 deb
	shift
	mkdir -p "$folder"
	for deb; do dpkg-deb -x "$deb" "$folder" || return; done
}

# Names and, where it is exact, versions of what a package depends on.
deb_dependencies() { # DEB
	dpkg-deb -f "$1" Pre-Depends Depends | sed 's/^[^:]*: //' | tr ',' '\n' |
		sed -E 's/\|.*//; s/^ +//; s/ +$//; s/:any//; s/ \(= ([^)]*)\)/ \1/; s/ \(.*\)//'
}

is_installed() { # NAME
	[[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]
}

# deb_libraries FOLDER DEB...: unpacks into FOLDER the libraries that the
# packages need and this machine does not have, theirs included. A library of
# exactly the depending package's version is always unpacked.
deb_libraries() {
	local folder=$1 deb name version seen=' ' queue
	shift
	queue=("$@")
	while ((${#queue[@]})); do
		deb=${queue[0]}
		queue=("${queue[@]:1}")
		while read -r name version; do
			[[ $name == lib* && $seen != *" $name "* ]] || continue
			seen+="$name "
			if [[ ! $version ]]; then
				! is_installed "$name" || continue
				version=$(cached_versions "$name" | sort_versions | head -n 1)
				[[ $version ]] || version=$(deb_versions "$name" | head -n 1)
				[[ $version ]] || continue # a virtual package
			fi
			deb=$(deb_fetch "$name" "$version") || return
			deb_unpack "$folder" "$deb" || return
			queue+=("$deb")
		done < <(deb_dependencies "$deb")
	done
}

# The folders of an unpacked tree that hold its libraries, for LD_LIBRARY_PATH.
library_path() { # FOLDER
	local triple folder path=''
	triple=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch)
	for folder in "$1/lib/$triple" "$1/usr/lib/$triple" "$1/usr/lib"; do
		[[ -d $folder ]] && path+=${path:+:}$folder
	done
	printf '%s\n' "$path"
}
