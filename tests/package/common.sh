# SPDX-License-Identifier: Apache-2.0
# Sourced by the tests of this folder.
set -euo pipefail
export PATH="$PREFIX/bin:$PATH"
unset INFERBENCH_PLUGIN_PATH
rm -rf "$WORK"
mkdir -p "$WORK"
cd "$WORK"

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

# expect_text PATTERN FILE: a line of the file must match the extended regular expression.
expect_text() {
  grep -Eq -- "$1" "$2" || {
    cat "$2" >&2
    fail "no line of $2 matches: $1"
  }
}

# expect_backend NAME FOLDER: the installed program must find it there, and the folder must contain no unusable plugin.
expect_backend() {
  inferbench backends --json --plugin-dir "$2" >backends.json
  expect_text "\"name\": \"$1\"" backends.json
  expect_text '"problems": \[\]' backends.json
}

# expect_run LIBRARY: an experiment with cpu_ref and that backend must run without failed trials.
expect_run() {
  cat >compare.yaml <<YAML
name: package
backends:
  - {plugin: cpu_ref, name: reference}
  - {plugin: $1, name: mine}
baseline: reference
models: ["$PREFIX/share/inferbench/configs/models/shakespeare"]
sweep: {prompt_tokens: [8], generate_tokens: [3], batch: [2], threads: [1]}
measure: {blocks: 2, warmup: 0, repeat_disturbed: 0}
YAML
  rm -rf results
  inferbench run compare.yaml --out results >table.txt 2>progress.txt || {
    cat progress.txt >&2
    fail "the experiment with $1"
  }
  expect_text '^  mine ' table.txt
  [ "$(grep -c '"status":"ok"' results/package/latest/trials.jsonl)" -eq 4 ] || fail "not every trial is ok"
}
