#!/usr/bin/env bash
# npm run test:valgrind: under valgrind the C tests, and then Node.js while it makes, uses and closes segments. Fails
# for what is read before it was written and for memory that is lost, except by Node.js itself.
set -euo pipefail
cd "$(dirname "$0")/.."

make -C native/test check VALGRIND=yes
npm run --silent build

runtime=$(mktemp -d "${TMPDIR:-/tmp}/rsm-valgrind-XXXXXX")
trap 'rm -rf "$runtime"' EXIT
RSM_RUNTIME_DIR=$runtime RSM_TEST_DIST=$PWD/dist valgrind -q --error-exitcode=99 \
  --suppressions=native/test/valgrind.supp --leak-check=full \
  --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
  node --expose-gc test/process/programs/cycles.mjs "${1:-30}"
