#!/usr/bin/env bash
# npm run test:asan [-- ARGUMENTS OF VITEST]
#
# The tests with an addon that is built under AddressSanitizer (with leaks) and UndefinedBehaviorSanitizer, in a copy
# of the tree, so that the developer's own build stays. Fails if a test does or if any process has left a report.
set -euo pipefail
cd "$(dirname "$0")/.."

copy=$(mktemp -d "${TMPDIR:-/tmp}/rsm-asan-XXXXXX")
trap 'rm -rf "$copy"' EXIT
# Processes of other users read the tree and write reports, too.
chmod 755 "$copy"
reports=$copy/reports
mkdir -m 1777 "$reports"
git ls-files -z --cached --others --exclude-standard |
  tar --create --null --files-from=- --ignore-failed-read --warning=no-failed-read | tar --extract --directory "$copy"
modules=$PWD/node_modules
cd "$copy"
ln -s "$modules" node_modules
# Some tests ask git for the files of the tree.
git init --quiet && git add --all

echo 'building the addon with sanitizers'
node --input-type=module --eval "
  import { native, runNodeGyp } from './scripts/native.mjs';
  process.exitCode = runNodeGyp(native, 'cc', { defines: ['sanitize=address,undefined'] }) ? 0 : 1;"
npm run --silent build:ts

# Leaks are looked for in Node.js only: the compiler, git and the shell, which the tests start, free little at their
# end. A stack of two frames is malloc and its caller: more would have Node.js in all of them, and suppress everything.
mkdir "$copy/asan"
echo 'detect_leaks=1' >"$copy/asan/node"
leaks=detect_leaks=0:include_if_exists=$copy/asan/%b:malloc_context_size=2
# The crash matrix preloads a library before the sanitizer's.
leaks+=:verify_asan_link_order=0
export ASAN_OPTIONS=$leaks:log_path=$reports/asan:log_exe_name=1
export LSAN_OPTIONS=suppressions=$copy/scripts/asan.supp:print_suppressions=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:log_path=$reports/ubsan
status=0
# By name: vitest takes a project that any of several negations admits, and test/install would run npm ci through the
# link to the developer's modules.
projects=(--project conformance-ofi0)
for folder in test/*/; do
  case $folder in test/tidy/ | test/install/ | test/bench/) continue ;; esac
  compgen -G "$folder*.test.ts" >/dev/null && projects+=(--project "$(basename "$folder")")
done
LD_PRELOAD=$(cc -print-file-name=libasan.so) npx vitest run "${projects[@]}" "$@" || status=1
for report in "$reports"/*; do
  [ -e "$report" ] || { echo 'test:asan: no process left a report'; break; }
  cat "$report"
  status=1
done
exit $status
