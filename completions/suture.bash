# SPDX-License-Identifier: Apache-2.0
# Completion of suture for bash. Commands and options are asked of the program
# itself, so that they are always those of the installed version.

_suture() {
	local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} names

	if ((COMP_CWORD == 1)); then
		names="$("${COMP_WORDS[0]}" --help 2>/dev/null | sed -n 's/^  \([a-z]\+\) .*/\1/p')"
		mapfile -t COMPREPLY < <(compgen -W "$names --help --version" -- "$word")
	elif [[ $word == -* ]]; then
		names="$("${COMP_WORDS[0]}" "$command" --help 2>/dev/null |
			grep -oE -- '(^|[^[:alnum:]-])--[a-z][a-z-]+' | grep -oE -- '--.*' | sort -u)"
		mapfile -t COMPREPLY < <(compgen -W "$names --help" -- "$word")
	elif ((COMP_CWORD == 2)) && [[ $command == @(repo|hub) ]]; then
		names="$("${COMP_WORDS[0]}" "$command" --help 2>/dev/null |
			sed -nE 's/^  ([a-z][a-z-]*)( .*)?$/\1/p' | sort -u)"
		mapfile -t COMPREPLY < <(compgen -W "$names" -- "$word")
	elif [[ $command == @(build|calendar|repo) ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -f -X '!*.hotpatch' -- "$word"; compgen -d -- "$word")
	fi
}
complete -o filenames -F _suture suture
