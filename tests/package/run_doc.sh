# SPDX-License-Identifier: Apache-2.0
# run_doc.sh PAGE.md: checks that every command of a page works. Runs them in order, in one shell, in an empty folder,
# with the installed program on PATH:
#   ```sh blocks are run; each line must succeed
#   a block after <!-- file: NAME --> becomes that file
#   a block after <!-- exit: N --> must end with that exit code
#   a block after <!-- skip: REASON --> is not run
#   in other blocks, a line `inferbench COMMAND ...` must name a command and options that --help lists
source "$SOURCES/common.sh"
export CMAKE_PREFIX_PATH="$PREFIX" PKG_CONFIG_PATH="$PREFIX/$LIBDIR/pkgconfig"

page=$1
# In a separate process, because `set -e` has no effect inside a condition.
{
  cat <<'PROLOGUE'
set -euE -o pipefail
trap 'echo "FAILED: the block that begins in line $doc_line"' ERR

# known_synopsis LINE: --help must list its command and each of its options.
known_synopsis() {
  local words option
  read -ra words <<<"$1"
  local help=(inferbench "${words[1]}")
  if [[ ${words[2]:-} =~ ^[a-z]+$ ]]; then help+=("${words[2]}"); fi # such as `predict fit`
  "${help[@]}" --help >help.txt || refuse "no such command: $1"
  # For an unknown command, --help prints the program's own help.
  grep -q "^Usage: ${help[*]} " help.txt || refuse "no such command: $1"
  for option in $(grep -o -E -- '--[a-z][a-z-]*' <<<"$1" || true); do
    grep -q -E -- "(^|[ ,])$option([ ,]|\$)" help.txt || refuse "--help does not know $option: $1"
  done
}
refuse() {
  echo "$*"
  return 1
}
PROLOGUE
  awk '
  function quoted(text) { gsub(/\047/, "\047\\\047\047", text); return "\047" text "\047" }
  /^<!-- (file|exit|skip): .* -->$/ { kind = $2; sub(":", "", kind); value = $0; sub(/^<!-- [a-z]+: /, "", value); sub(/ -->$/, "", value); next }
  /^```/ && !inside {
    inside = 1; is_sh = $0 == "```sh"; mode = kind; if (mode == "") mode = is_sh ? "run" : "text"; kind = ""
    print "doc_line=" NR
    if (mode == "file") print "mkdir -p \"$(dirname " quoted(value) ")\"; cat >" quoted(value) " <<\047END_OF_BLOCK\047"
    if (mode == "skip") print "echo " quoted("not run: " value)
    if (mode == "exit") print "code=0; ("
    next
  }
  /^```/ {
    inside = 0
    if (mode == "file") print "END_OF_BLOCK"
    if (mode == "exit") print ") || code=$?; [ $code -eq " value " ]"
    next
  }
  inside && (mode == "run" || mode == "exit" || mode == "file") { print; next }
  inside && mode == "text" && /^inferbench [a-z]/ { print "known_synopsis " quoted($0) }
  /^[^<]/ && !inside { kind = "" }
' "$page"
} >commands.sh
grep -q '^doc_line=' commands.sh || fail "$page has no block"
mkdir scratch
(cd scratch && exec bash ../commands.sh) >output.txt 2>&1 || {
  tail -n 60 output.txt >&2
  fail "$page"
}
