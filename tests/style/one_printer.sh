#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# one_printer.sh SOURCE: the host must write to its standard streams and to files only through support/print.hpp and
# support/output_file.hpp, which handle failed writes.
set -euo pipefail
cd "$1"
found=$(grep -rnE '\bfmt::print\(|\bstd::(cout|cerr|clog|puts|fputs|printf|fprintf|ofstream|fstream)\b|[^n_:a-z](printf|puts|fputs|fprintf)\(' \
  core --include='*.cpp' --include='*.hpp' | grep -vE '^core/(support/(print|output_file)\.|sdk/templates/|include/)' |
  grep -v '/proc/self/clear_refs' || true)
[ -z "$found" ] && exit 0
printf 'use print_result, print_message (support/print.hpp) or write_file (support/output_file.hpp) in:\n%s\n' "$found"
exit 1
