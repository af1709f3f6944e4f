// The one line that CI reads, from vitest's JSON report. A run without a single test is a failure.
import { readFileSync } from 'node:fs';

// Stands where vitest ended before it could write.
let report = { testResults: [{ status: 'failed', assertionResults: [] }] };
try {
  report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
} catch {
  // As above.
}

const counts = { passed: 0, failed: 0, skipped: 0 };
for (const { status, assertionResults } of report.testResults) {
  for (const test of assertionResults) {
    counts[test.status === 'passed' || test.status === 'failed' ? test.status : 'skipped'] += 1;
  }
  // A file that could not be run has no tests to count.
  if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) counts.failed += 1;
}
console.log(`Tests: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
