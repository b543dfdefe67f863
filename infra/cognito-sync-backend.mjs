#!/usr/bin/env node
// The entry point of `npx cognito-sync-backend`. The file uses only syntax that every Node version can parse. With an
// outdated version, `require-node.mjs` can therefore still print its error.
import './require-node.mjs';
import { readFileSync } from 'node:fs';

const [, , command] = process.argv;
if (command === '--version') {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  console.log(version);
} else if (command === 'start') {
  await import('./local/start.ts');
} else if (command === 'exec') {
  await import('./local/exec.ts');
} else {
  await import('./cli/main.ts');
}
