#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# grouped_names.sh SOURCE BUILD: sources that BUILD compiles as one object (CMake's unity build) see each other's
# unnamed namespaces and headers. A function in an unnamed namespace must therefore not share its name with another one
# of the object, nor with a function of SOURCE's headers that the object includes. With equal arguments the compiler
# refuses the second one; with different arguments, calls in one file could silently resolve to the other file's
# function.
set -euo pipefail
source=$1 build=$2
groups=$(find "$build" -path '*/Unity/unity_*_cxx.cxx')
if [ -z "$groups" ] || [ ! -f "$build/build.ninja" ]; then
  echo "nothing is grouped in $build, or it was not built with Ninja"
  exit 77
fi
depends=$(ninja -C "$build" -t deps | grep -v "^ */usr/")  # a twentieth of it

# Prints "NAME FILE" for each function that begins a line, in clang-format's layout; with only=1, just for those in
# unnamed namespaces.
# shellcheck disable=SC2016
functions='
  FNR == 1 { inside = 0 }
  /^namespace \{$/ { inside = 1 }
  /^\}  \/\/ namespace$/ { inside = 0 }
  (inside || !only) && /^[a-zA-Z].*\(/ && !/^(TEST|INSTANTIATE|using|static_assert|typedef|friend)/ {
    before = substr($0, 1, index($0, "(") - 1)
    if (before !~ / / || before ~ /[=:]$| = /) next
    sub(/.*[ &*]/, "", before)
    if (before ~ /^[a-z_0-9]+$/ && !seen[FILENAME, before]++) print before, FILENAME
  }'
failed=0
for group in $groups; do
  mapfile -t sources < <(sed -n 's/^#include "\(.*\)"$/\1/p' "$group")
  object=${group#"$build"/}.o
  grep -qF "$object" "$build/build.ninja" || continue  # left over from a removed target
  mapfile -t headers < <(awk -v object="$object:" '
    /^[^ ]/ { ours = $1 == object; next }
    ours && /\.(hpp|h)$/ { print $1 }' <<<"$depends" | (cd "$build" && xargs -r realpath) | grep "^$source/" || true)
  [ ${#headers[@]} -gt 0 ] || { echo "no headers known of $object: is it built?"; exit 1; }
  twice=$({ awk -v only=1 "$functions" "${sources[@]}"; awk "$functions" "${headers[@]}"; } | sort | awk '
    $1 == name && (file ~ /cpp$/ || $2 ~ /cpp$/) { print "  " name ": " file ", " $2 }
    { name = $1; file = $2 }')
  if [ -n "$twice" ]; then
    printf 'compiled as one object, and named twice:\n%s\n' "$twice"
    failed=1
  fi
done
exit $failed
