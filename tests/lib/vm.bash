# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A machine with another kernel: Debian's, unpacked and started in QEMU with nothing
# but an initial file system of ours. No network, no disk.

# Download Debian's newest cloud kernel of version $1 ("6.1") into $2 and unpack it;
# sets $kernel.
fetch_kernel() {
	local package
	package=$(apt-cache search --names-only "^linux-image-$1\\..*-cloud-amd64-unsigned\$" |
		cut -d' ' -f1 | sort -V | tail -1)
	[[ $package ]] || {
		echo "apt knows no cloud kernel of version $1 (apt-get update?)"
		return 1
	}
	(cd "$2" && apt-get -o Acquire::Retries=5 download "$package" && dpkg-deb -x "$package"_*.deb .) >/dev/null 2>&1 ||
		{
			echo "cannot download $package"
			return 1
		}
	kernel=$(echo "$2"/boot/vmlinuz-*)
}

# Begin a file system in folder $1 with busybox in it, and script $2 as what runs.
make_root() {
	mkdir -p "$1"/{bin,proc,sys,dev,tmp,test}
	cp "$(command -v busybox)" "$1/bin/"
	for applet in sh mount sleep seq xargs sort uniq sed grep cat poweroff kill timeout \
		unshare uname nproc test env; do
		ln -sf busybox "$1/bin/$applet"
	done
	cat >"$1/init" <<-END
		#!/bin/sh
		export PATH=/bin
		mount -t proc proc /proc
		mount -t sysfs sysfs /sys
		mount -t devtmpfs dev /dev
		cd /test
		sh /test/script
		poweroff -f
	END
	cp "$2" "$1/test/script"
	chmod +x "$1/init"
}

# Copy programs and the libraries that they need into folder $1, to /test.
add_programs() {
	local root=$1 library
	shift
	cp "$@" "$root/test/"
	ldd "$@" 2>/dev/null | grep -oE '(=> )?/[^ ]+ \(' | sed 's/=> //; s/ ($//' | sort -u |
		while read -r library; do
			[[ $library == "$root"* ]] || {
				mkdir -p "$root${library%/*}"
				cp -L "$library" "$root$library"
			}
		done
}

# run_vm ROOT SECONDS CPUS: start it with $kernel; prints what its console says.
run_vm() {
	(cd "$1" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$1.cpio.gz"
	timeout "$2" qemu-system-x86_64 -accel tcg -cpu max -m 768 -smp "$3" -nographic -no-reboot \
		-nic none -kernel "$kernel" -initrd "$1.cpio.gz" \
		-append "console=ttyS0 quiet panic=-1" </dev/null 2>&1 | tr -d '\r'
}
