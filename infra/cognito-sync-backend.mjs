#!/usr/bin/env node
// The entry point of `npx cognito-sync-backend`, in syntax that every Node version can parse.
import './require-node.mjs';

await import('./cli/main.ts');
