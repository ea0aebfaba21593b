# SPDX-License-Identifier: Apache-2.0
# The documents say what the program and the code say.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	suture=${SUTURE:-build/suture}
	mapfile -t commands < <("$suture" --help | sed -n 's/^  \([a-z]*\) .*/\1/p')
}

# missing_in FILE WORD...: fails and names the words that are not in the file.
missing_in() {
	local file=$1 word failed=0
	shift
	for word; do
		grep -qF -- "$word" "$file" || {
			echo "$file does not mention $word"
			failed=1
		}
	done
	return $failed
}

@test "there are commands" {
	((${#commands[@]} > 0))
}

@test "suture(1) names every command, and no other" {
	missing_in docs/man/suture.1.scd "${commands[@]/#/suture-}"
	[[ $(grep -cE '^\*suture-[a-z]+\*\(1\)$' docs/man/suture.1.scd) == "${#commands[@]}" ]]
}

@test "each command's page names every option of its help" {
	for command in "${commands[@]}"; do
		mapfile -t options < <("$suture" "$command" --help | grep -oE -- '--[a-z][a-z-]+' | grep -vx -- --help | sort -u)
		((${#options[@]} == 0)) || missing_in "docs/man/suture-$command.1.scd" "${options[@]}"
	done
}

@test "each command's page names every exit status of its help" {
	for command in "${commands[@]}"; do
		mapfile -t statuses < <("$suture" "$command" --help | sed -n '/^Exit status:/,$p' |
			grep -oE '\b[0-9]\b' | sort -u | sed 's/.*/*&*/')
		((${#statuses[@]} > 0))
		missing_in "docs/man/suture-$command.1.scd" "${statuses[@]}"
	done
}

@test "docs/errors.md names every error code" {
	mapfile -t codes < <(sed -n 's/.*\[SUT_E_[A-Z]*\] = "\([a-z]*\)".*/| `\1` |/p' src/base/err.c)
	((${#codes[@]} > 5))
	missing_in docs/errors.md "${codes[@]}"
}

@test "docs/errors.md names every exit status" {
	mapfile -t statuses < <(sed -n 's/.*SUT_EXIT_[A-Z_]* = \([0-9]*\),.*/| \1 |/p' src/cli/command.h)
	((${#statuses[@]} > 5))
	missing_in docs/errors.md "${statuses[@]}"
}

@test "docs/reasons.md names every reason, and no other" {
	mapfile -t reasons < <(cat src/diff/*.c src/engine/*.c | tr '\n' ' ' |
		grep -oE 'SUT_SEVERITY_[A-Z]+,[[:space:]]*"[a-z-]+"' | sed 's/.*"\(.*\)"/| `\1` |/' | sort -u)
	((${#reasons[@]} > 10))
	missing_in docs/reasons.md "${reasons[@]}"
	[[ $(grep -cE '^\| `[a-z-]+` \|' docs/reasons.md) == "${#reasons[@]}" ]]
}

@test "docs/format.md names every member of the metadata" {
	mapfile -t members < <(sed -n '/meta_members/,/};/s/.*{ "\([a-z_]*\)".*/`\1`/p' src/patch/meta.c)
	((${#members[@]} > 10))
	missing_in docs/format.md "${members[@]}"
}

@test "files that the documents link to exist" {
	failed=0
	while IFS=: read -r file link; do
		[[ $link == http* || $link == \#* ]] && continue
		[[ -e $(dirname "$file")/${link%%#*} ]] || { echo "$file: no $link"; failed=1; }
	done < <(grep -noE '\]\([^)]+\)' -- *.md docs/*.md | sed -E 's/^([^:]*):[0-9]*:\]\((.*)\)$/\1:\2/')
	return $failed
}

@test "paths in src, tests, tools and docs that the documents name exist" {
	failed=0
	for path in $(grep -ohE '\b(src|tests|tools|docs|fuzz|bench|demo)/[A-Za-z0-9_./-]*[A-Za-z0-9_/]' -- *.md docs/*.md |
		sort -u); do
		[[ $path == *NAME* ]] && continue
		[[ -e $path ]] || { echo "no $path"; failed=1; }
	done
	return $failed
}

@test "make help lists every target that a document names" {
	mapfile -t targets < <(grep -ohE '(`|^    )make [a-z-]+' -- *.md docs/*.md | sed 's/.*make //' | sort -u)
	((${#targets[@]} > 3))
	make help >"$BATS_TEST_TMPDIR/help"
	missing_in "$BATS_TEST_TMPDIR/help" "${targets[@]/#/make }"
}
