#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# counted_nouns.sh SOURCE: a number with its noun must be made by counted() of support/counted.hpp, so that no message
# says "1 threads". Units (ms, MiB, tokens/s) don't change with the number, and sizes in bytes are never 1.
set -euo pipefail
cd "$1"

nouns='threads|trials|blocks|points|tokens|positions|windows|contenders|files|sequences|slots|rows|layers|models'
nouns+='|processes|workers|machines|texts|prompts|rules|cases|keys|shards|values|words|runs|ids|times|repetitions'
nouns+='|entries|warnings|differences|configurations|calls|events'

# Literals that count nothing or never 1, as FILE:TEXT.
allowed=(
  'core/results/run_place.cpp:{} contains runs of {}'  # the first {} is a folder
)

sources() {
  grep -rnE "$1" core --include='*.cpp' --include='*.hpp' | grep -vE '^core/(support/counted\.|sdk/templates/|include/)' |
    grep -vE '^[^:]+:[0-9]+: *(//|\*)' || true
}

# A literal with "{} threads" or "{} warm-up trials". Fractions ("{:.2f} times") and units ("{} tokens/s") aren't counts.
found=$(sources "\"[^\"]*\{[^{}\".]*\}( [a-z-]+)? ($nouns)([^a-z/_]|$)")
# An ending made by hand, and words of a sum: std::to_string(n) + " threads".
found+=$'\n'$(sources '[=!]= 1 \? "(s|es|y|ies)?"')
found+=$'\n'$(sources "\) \+ \" ($nouns)([^a-z/_]|$)")
for place in "${allowed[@]}"; do
  found=$(awk -v file="${place%%:*}:" -v text="${place#*:}" 'index($0, file) != 1 || index($0, text) == 0' <<<"$found")
  grep -qF "${place#*:}" "${place%%:*}" || found+=$'\n'"allowed, but no longer there: $place"
done
found=$(sed '/^$/d' <<<"$found")
[ -z "$found" ] && exit 0
printf 'write counted(n, "noun") (support/counted.hpp) in:\n%s\n' "$found"
exit 1
