// Prints the counts of the test run as the last line. A run that failed without a failed test (a static check, a
// crash) counts as one failure.
import { existsSync, readFileSync } from 'node:fs';

const failedRun = process.argv[2] !== '0';
const results = '.vitest/results.json';
const {
  numPassedTests = 0,
  numFailedTests = 0,
  numPendingTests = 0,
} = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : {};
const failed = numFailedTests === 0 && (failedRun || numPassedTests === 0) ? 1 : numFailedTests;
const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : '';
console.log(`${numPassedTests} passed, ${failed} failed${skipped}`);
process.exitCode = failed === 0 ? 0 : 1;
