# bash completion for albert-convert and albert-run: commands and options are asked of the programs' own help.

_albert() {
  local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} help commands
  local command=${COMP_WORDS[1]}
  help=$("$program" --help 2>/dev/null)
  commands=$(sed -n "s/^  ${program##*/} \([a-z][a-z-]*\) .*/\1/p" <<<"$help")
  grep -qxF -- "$command" <<<"$commands" && help=$("$program" "$command" --help 2>/dev/null)
  # "--dtype f32|f16|int8": after such an option come its words.
  local choices
  choices=$(grep -o -- "${before} [a-z0-9-]*|[a-z0-9|-]*" <<<"$help" 2>/dev/null | head -n 1 | cut -d ' ' -f 2 | tr '|' '\n')
  if [[ $before == -* && -n $choices ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
  elif [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(grep -o -- '--[a-z][a-z-]*' <<<"$help" | sort -u)" -- "$word")
  elif [[ $COMP_CWORD -eq 1 ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word"; compgen -f -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -o filenames -F _albert albert-convert albert-run
