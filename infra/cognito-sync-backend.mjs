#!/usr/bin/env node
// The entry point of `npx cognito-sync-backend`. The file uses only syntax that every Node version can parse. With an
// outdated version, `require-node.mjs` can therefore still print its error.
import './require-node.mjs';

await import('./cli/main.ts');
