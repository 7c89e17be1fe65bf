# SPDX-License-Identifier: Apache-2.0
# Completions and manual pages exist, are well formed, and contain every command and option that --help lists.
source "$SOURCES/common.sh"
share=$PREFIX/share
bash_file=$share/bash-completion/completions/inferbench
zsh_file=$share/zsh/vendor-completions/_inferbench
fish_file=$share/fish/vendor_completions.d/inferbench.fish

commands=$(inferbench --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
[ "$(wc -w <<<"$commands")" -ge 8 ] || fail "no commands in --help: $commands"
for command in $commands; do
  page=$share/man/man1/inferbench-$command.1.gz
  gunzip -c "$page" | sed 's/\\-/-/g; s/\\f[BIR]//g' >page.txt || fail "no manual page of $command"
  for option in $(inferbench "$command" --help | grep -o -E '^  (-[a-z],)?--[a-z-]+' | grep -o -E -- '--[a-z-]+'); do
    expect_text "(^|, )$option( |\$)" page.txt
    grep -q -- "$option" "$bash_file" || fail "$command $option is not in bash's completion"
    grep -q -- "$option\[" "$zsh_file" || fail "$command $option is not in zsh's completion"
    grep -q -- "from $command' .*-l ${option#--} " "$fish_file" || fail "$command $option is not in fish's completion"
  done
done
for page in "$share"/man/man1/inferbench*.1.gz; do
  if command -v mandoc >/dev/null; then
    gunzip -c "$page" | mandoc -T lint -W error >lint.txt || {
      cat lint.txt >&2
      fail "$page is not well formed"
    }
  fi
done

# complete_words WORD...: prints what bash offers for the last word.
complete_words() {
  bash -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _inferbench; printf "%s\n" "${COMPREPLY[@]}"' \
    bash "$bash_file" "$@" 2>/dev/null
}
[ "$(complete_words inferbench backe)" = backends ] || fail "bash: backe -> $(complete_words inferbench backe)"
[ "$(complete_words inferbench new-backend --lang '')" = $'c\nc++\npython\nrust' ] || fail "bash: --lang"
[ "$(complete_words inferbench run --pl)" = $'--plan\n--plugin-dir' ] || fail "bash: run --pl"
touch mine.yaml
[ "$(complete_words inferbench run mi)" = mine.yaml ] || fail "bash: a file for run"
[ "$(complete_words inferbench run --resume mi)" = mine.yaml ] || fail "bash: a file for an option"

if command -v zsh >/dev/null; then zsh -n "$zsh_file"; fi
if command -v fish >/dev/null; then
  fish --no-execute "$fish_file"
  fish -c "source $fish_file; complete -C 'inferbench backe'" >fish.txt
  expect_text '^backends' fish.txt
fi
