# SPDX-License-Identifier: Apache-2.0
# new_backend.sh c|c++|python|rust: the project from `inferbench new-backend` builds without warnings, exports only the
# table, agrees with the float64 reference, keeps the contract, and runs next to cpu_ref.
source "$SOURCES/common.sh"
language=$1
options=()
case $language in
  python)
    library=$PREFIX/$LIBDIR/inferbench/libpython.so
    [ -e "$library" ] || {
      echo "skipped: the backend python is not built"
      exit 77
    }
    options=(--option module=./backend.py)
    ;;
  c) build=(cmake -B build -DCMAKE_C_FLAGS=-Werror) library=build/libmine.so ;;
  c++) build=(cmake -B build -DCMAKE_CXX_FLAGS=-Werror) library=build/libmine.so ;;
  rust)
    export PATH="$PATH:$HOME/.cargo/bin"
    cargo --version || {
      echo "skipped: there is no cargo"
      exit 77
    }
    export RUSTFLAGS="-D warnings" CARGO_NET_OFFLINE=true
    build=(cargo build --release --quiet)
    library=target/release/libmine.so
    ;;
esac

inferbench new-backend mine --lang "$language" >files.txt 2>next.txt
while read -r file; do [ -s "$file" ] || fail "$file was not written"; done <files.txt
[ "$(find mine -type f | sort)" = "$(sort files.txt)" ] || fail "the list of files is not what was written"
cd mine
export CMAKE_PREFIX_PATH="$PREFIX"
if [ "$language" = python ]; then
  sh test.sh --rule table >../test.txt 2>&1 || true
  if grep -q "No module named 'numpy'" ../test.txt; then
    echo "skipped: this Python has no NumPy"
    exit 77
  fi
else
  "${build[@]}" >../build.txt
  if [ "$language" != rust ]; then cmake --build build >>../build.txt; fi
fi

[ "$(nm --dynamic --defined-only --format=posix $library | awk '{print $1}')" = inferbench_backend_v1 ] ||
  fail "it exports more than the table"
"$BUILD/tests/golden_check" --plugin $library "${options[@]}" --measure deviation --bound 1e-4 --fixtures tiny tiny-f16 tiny-bf16 \
  tiny-original-names tiny-untied shakespeare shakespeare-llama decoder/llama3-rope decoder/mistral-sliding \
  decoder/qwen2-sharded-f16 decoder/qwen3 decoder/gemma2 decoder/gemma3
# Checks the contract with the project's own test.
case $language in
  # Not all rules: `reuse` and `features` would take a minute in NumPy, and the fixtures above have every feature.
  python) sh test.sh --rule table --rule numerics --rule sequences --rule outputs --rule arguments --rule callbacks --rule life >../test.txt || { cat ../test.txt >&2; fail "test.sh"; } ;;
  rust) cargo test --quiet >../test.txt 2>&1 || { cat ../test.txt >&2; fail "cargo test"; } ;;
  *) ctest --test-dir build --output-on-failure >../test.txt || { cat ../test.txt >&2; fail "ctest"; } ;;
esac

inferbench run compare.yaml --out results --set "models=[$PREFIX/share/inferbench/configs/models/shakespeare]" >table.txt
expect_text '^  mine ' table.txt
