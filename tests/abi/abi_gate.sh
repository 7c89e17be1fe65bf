# SPDX-License-Identifier: Apache-2.0
# abi_gate.sh CC SOURCE_FOLDER WORK [update]
# Checks that the structs of backend.h and op_bench.h match backend_v1.abi: abidiff (Debian: abigail-tools) compares
# them as the compiler lays them out. For an intended change, such as a field appended with a new minor version, see
# docs/abi.md and then run this with `update`.
set -euo pipefail
cc=$1 tests=$2/tests/abi headers=$2/core/include work=$3
if ! command -v abidiff >/dev/null; then
  echo "skipped: there is no abidiff (package abigail-tools)"
  exit 77
fi
mkdir -p "$work"

# describe HEADERS NAME: writes NAME.abi, the structs as this compiler lays them out.
describe() {
  "$cc" -std=c99 -g -O0 -shared -fPIC -I"$1" -ffile-prefix-map="$1"= -ffile-prefix-map="$tests"= -o "$work/$2.so" \
    "$tests/abi_surface.c"
  abidw --no-corpus-path --no-comp-dir-path --no-show-locs --out-file "$work/$2.abi" "$work/$2.so"
}

describe "$headers" now
if [ "${4:-}" = update ]; then
  cp "$work/now.abi" "$tests/backend_v1.abi"
  exit 0
fi
if ! abidiff --no-show-locs "$tests/backend_v1.abi" "$work/now.abi"; then
  echo "FAILED: the ABI of backend.h or op_bench.h is not that of tests/abi/backend_v1.abi; docs/abi.md says what may change, and how"
  exit 1
fi

# The check itself must fail for a field that grew, a field of another type, an added field, and an added function
# argument.
changes=('s/int32_t n_layers;/int64_t n_layers;/' 's/^  double number; /  int64_t number; /'
  's/^  uint64_t flops; /  uint64_t flops, more; /' 's/int32_t n_past, ib_error/int32_t n_past, int32_t more, ib_error/'
  's/^  uint64_t kv_bytes; .*of one copy/  uint32_t kv_bytes; \/* of one copy/')
for change in "${changes[@]}"; do
  rm -rf "$work/changed"
  mkdir -p "$work/changed/inferbench"
  cp "$headers"/inferbench/*.h "$work/changed/inferbench"
  sed -i "$change" "$work"/changed/inferbench/*.h
  if diff -r "$headers/inferbench" "$work/changed/inferbench" --exclude='*.hpp' >/dev/null; then
    echo "FAILED: $change changes nothing"
    exit 1
  fi
  describe "$work/changed" changed
  if abidiff --no-show-locs "$tests/backend_v1.abi" "$work/changed.abi" >/dev/null; then
    echo "FAILED: not noticed: $change"
    exit 1
  fi
done
