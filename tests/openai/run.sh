#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh SOURCE BUILD: `inferbench serve` against OpenAI's client from npm, which is downloaded into BUILD. Exits with 77
# if there is no node, no npm, or no network, and unless INFERBENCH_OPENAI_TEST is set.
set -euo pipefail
source=$1 build=$2
client=openai@4.104.0

skip() {
  echo "skipped: $1"
  exit 77
}
[ -n "${INFERBENCH_OPENAI_TEST:-}" ] || skip "it needs the network; ./dev test-openai runs it"
command -v node >/dev/null || skip "there is no node here (apt-get install nodejs npm)"
command -v npm >/dev/null || skip "there is no npm here (apt-get install npm)"

folder=$build/tests/openai
mkdir -p "$folder"
if [ ! -d "$folder/node_modules/openai" ]; then
  echo '{"private": true}' >"$folder/package.json"
  (cd "$folder" && npm install --no-audit --no-fund --ignore-scripts --save-exact "$client") >"$folder/npm.log" 2>&1 ||
    skip "npm cannot install $client: $(tail -1 "$folder/npm.log")"
fi
cp "$source/tests/openai/client.mjs" "$folder/"

# The model of generate's tests with a chat template. Its special tokens are ordinary text to this tokenizer.
models=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$models"' EXIT
cp "$source"/tests/data/shakespeare/{config.json,model.safetensors,vocab.json,merges.txt,expected.json} "$models/"
cp "$source/tests/data/chat/chatml.jinja" "$models/chat_template.jinja"
echo '{}' >"$models/tokenizer_config.json"

INFERBENCH_API_KEY=secret "$build/inferbench" serve --backend cpu_ref --model "$models" --name bard --port 0 --threads 1 \
  --max-batch 4 2>"$models/log" &
server=$!
for _ in $(seq 300); do
  url=$(sed -n 's/.*: \(http:.*\)$/\1/p' "$models/log")
  [ -n "$url" ] && break
  sleep 0.1
done
[ -n "$url" ] || { cat "$models/log"; exit 1; }
node "$folder/client.mjs" "$url" "$models/expected.json" chat
kill -TERM "$server"
wait "$server"
