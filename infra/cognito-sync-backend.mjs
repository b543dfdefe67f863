#!/usr/bin/env node
// What `npx cognito-sync-backend` runs, in syntax that any Node reads.
import './require-node.mjs';

await import('./cli/main.ts');
