#!/usr/bin/env node
// The entry point of `npx cognito-sync-backend`. The file uses only syntax that every Node version can parse. With an
// outdated version, `require-node.mjs` can therefore still print its error.
import './require-node.mjs';

// Compiling the modules takes most of the time of a short command. The next call reads the compiled code from a file in
// the system's folder for temporary files, or in NODE_COMPILE_CACHE. Without this folder, only the time is lost.
const { enableCompileCache } = await import('node:module');
enableCompileCache();

await import('./cli/main.ts');
